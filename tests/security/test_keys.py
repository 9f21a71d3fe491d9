"""Where a key could be typed, and would stay in the history and in the file."""

from __future__ import annotations

import re

import pytest

from axon_notebook.errors import ConfigError
from axon_notebook.magics.registry import magics
from axon_notebook.magics.settings import outside_settings

KEY = re.compile(r"\b(?:key|token|secret|password|bearer|credential)", re.IGNORECASE)


def test_t5_no_magic_has_an_option_for_a_key() -> None:
    """What stands in a cell is saved, committed and mailed."""
    options = [option for magic in magics().values() for option in magic.options]

    assert len(options) > 30
    assert [option.long for option in options if KEY.search(option.long)] == []
    assert [name for name in magics() if KEY.search(name) or name.endswith("login")] == []


def test_t5_no_project_setting_holds_a_key(tmp_path: object) -> None:
    """`pyproject.toml` is committed like a notebook."""
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "pyproject.toml").write_text('[tool.axon_notebook]\napi_key = "ak_canary"\n', "utf-8")
    found = outside_settings(["limit", "to"], environ={}, start=root)

    assert "ak_canary" not in repr(found.values)
    assert any("api_key" in complaint for complaint in found.complaints)
    assert "ak_canary" not in repr(found.complaints)


def test_t5_a_key_in_the_url_is_refused_without_repeating_it() -> None:
    """URLs are shown, logged and copied."""
    from axon_notebook.config import Settings

    with pytest.raises(ConfigError) as caught:
        Settings.resolve("https://user:ak_canary@example.invalid", api_key="k", environ={})

    assert "ak_canary" not in str(caught.value)
