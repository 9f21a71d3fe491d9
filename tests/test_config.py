"""Where to connect: arguments before environment, and no key over an open wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from axon_notebook.config import RUNLOOP_URL, Settings, is_loopback
from axon_notebook.errors import ConfigError

KEY = {"RUNLOOP_API_KEY": "rl-key"}


def test_without_a_key_it_is_the_embedded_service(tmp_path: Path) -> None:
    """Nothing needs an account."""
    settings = Settings.resolve(environ={"AXON_NOTEBOOK_HOME": str(tmp_path)})

    assert settings.local
    assert settings.home == tmp_path


def test_with_a_key_it_is_runloop() -> None:
    """The same notebook, one variable more."""
    settings = Settings.resolve(environ=KEY)

    assert settings.base_url == RUNLOOP_URL
    assert settings.key_source == "RUNLOOP_API_KEY"


def test_arguments_win_over_the_environment() -> None:
    """What stands in the cell is what the reader sees."""
    env = {**KEY, "RUNLOOP_BASE_URL": "https://other.example"}

    settings = Settings.resolve("https://mine.example/", api_key="mine", environ=env)

    assert settings.base_url == "https://mine.example"
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "mine"


def test_a_home_asks_for_the_embedded_service_whatever_the_environment_holds(
    tmp_path: Path,
) -> None:
    """Trying something locally must not reach the company's account."""
    assert Settings.resolve(home=tmp_path, environ=KEY).local


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example", "use https"),
        ("ftp://api.example", "not a valid http"),
        ("api.example", "not a valid http"),
        ("https://me:pw@api.example", "user or password"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_way_out(url: str, words: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=words):
        Settings.resolve(url, environ=KEY)


def test_a_url_without_a_key_is_refused() -> None:
    """A base URL alone would silently fall back to this machine."""
    with pytest.raises(ConfigError, match="RUNLOOP_API_KEY"):
        Settings.resolve(environ={"RUNLOOP_BASE_URL": "https://api.example"})


@pytest.mark.parametrize("key", ["line\nbreak", "naïve", "tab\there"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    """A copied line end is the usual mistake."""
    with pytest.raises(ConfigError) as caught:
        Settings.resolve(api_key=key, environ={})

    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_decided_by_the_whole_name(host: str | None, local: bool) -> None:
    """A prefix match is a hole."""
    assert is_loopback(host) is local
