"""The README's examples run, in their order, from the first to the last."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ..waiting import wait_until
from .examples import REPOSITORY, cells, shell_at

README = (REPOSITORY / "README.md").read_text("utf-8")


def test_every_example_of_the_readme_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that people try must not be the first thing that fails."""
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", str(home))
    monkeypatch.chdir(home.parent)  # some of them write files
    examples = cells(README)

    with shell_at(home, {}) as shell:
        shown = [shell.show(cell) for cell in examples]

    # What an example left open would go on reading beside every test that follows.
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("axon-")])
    assert len(examples) >= 7
    assert any("hello" in text for text in shown)
