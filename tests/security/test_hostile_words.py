"""Untrusted words in everything that is printed or saved: names, messages, payloads."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.axon import Axon
from axon_notebook.devbox import Devbox
from axon_notebook.errors import AxonError, NotFound
from axon_notebook.execution import Execution
from axon_notebook.magics.cards import Card
from axon_notebook.magics.shell_session import label
from axon_notebook.magics.status import StatusLine, _bundle
from axon_notebook.models import AxonEvent, AxonInfo, DevboxInfo
from axon_notebook.widgets.snapshot import events_html, events_text

from ..widgets.hostile_texts import HOSTILE, MARK

#: What a terminal obeys, and what turns or hides text.
COMMANDS = [
    "\x1b]52;c;YXhvbg==\x07",
    "\x9d0;title\x9c",
    "\x1b[2J\x1b[H",
    "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\r\x1b[1Aother line",
    "\x07\x08\x08\x08",
    "safe\u202ecod.exe",
    "a\u200bb\ufeffc",
    "\u2066rtl\u2069",
    "\u2028",
]
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def axon(name: str) -> Axon:
    return Axon(cast(Any, None), AxonInfo("axn_1", 0, name))


def traceback_of(text: str) -> str:
    return "\n".join(AxonError(text, detail=[text])._render_traceback_())


def second_traceback_of(text: str) -> str:
    error = NotFound(text, status=404)
    error._render_traceback_()
    return "\n".join(error._render_traceback_())


def status_line_of(text: str) -> str:
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        StatusLine(None).done(text)
    return stream.getvalue()


PRINTED: dict[str, Callable[[str], str]] = {
    "axon": lambda text: repr(axon(text)),
    "label": lambda text: label(axon(text)),
    "devbox": lambda text: repr(
        Devbox(cast(Any, None), DevboxInfo(id="dbx_1", status="running", name=text))
    ),
    "execution": lambda text: repr(Execution(cast(Any, None), "dbx_1", "e1", command=text)),
    "card": lambda text: repr(Card([(text, text)])),
    "error": traceback_of,
    "%tb": second_traceback_of,
    "status line": status_line_of,
    "snapshot": lambda text: events_text(text, text, [event(text)], total=1),
    "event": lambda text: repr(event(text)),
}
SAVED: dict[str, Callable[[str], str]] = {
    "card": lambda text: Card([(text, text)])._repr_html_(),
    "status line": lambda text: _bundle(text)["text/html"],
    "snapshot": lambda text: events_html(text, text, [event(text)] * 3, total=3, facts=[text]),
    "frame": lambda text: pd.DataFrame({text: [text]})._repr_html_(),
}


def event(text: str) -> AxonEvent:
    return AxonEvent(1, "axn_1", 1, "USER_EVENT", text, text, text)


@pytest.mark.parametrize("text", COMMANDS, ids=ascii)
@pytest.mark.parametrize("name", PRINTED)
def test_t13_nothing_printed_commands_a_terminal(name: str, text: str) -> None:
    """IPython in a terminal hands what it prints to the terminal as it is."""
    printed = PRINTED[name](f"before {text} after")

    assert "before" in printed
    assert UNSEEN.findall(printed) == []


class Tags(HTMLParser):
    """The elements and attributes that a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


@pytest.mark.parametrize("name", SAVED)
def test_t2_what_is_saved_has_the_elements_of_harmless_words(name: str) -> None:
    """Saved outputs are opened elsewhere, trusted, with the rights of who opens them."""
    harmless = Tags(SAVED[name]("word")).found

    grown = {text: Tags(SAVED[name](text)).found - harmless for text in HOSTILE}

    assert {text: tags for text, tags in grown.items() if tags} == {}


@given(st.text())
def test_t2_no_text_at_all_becomes_markup(text: str) -> None:
    """Lists of attacks are never complete."""
    for make in SAVED.values():
        if text.strip():
            assert Tags(make(text)).found <= Tags(make("word")).found


def test_t2_no_method_makes_markdown_or_script_of_data() -> None:
    """Jupyter runs `_repr_javascript_` and renders `_repr_markdown_`, raw HTML included."""
    objects = [axon(MARK), Card([("a", MARK)]), event(MARK), SimpleNamespace()]

    for each in objects:
        for kind in ("javascript", "markdown", "svg", "latex"):
            assert not hasattr(each, f"_repr_{kind}_")
