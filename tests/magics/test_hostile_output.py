"""Payloads, names and messages that are untrusted, in every form in which a cell shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.util import find_spec
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from axon_notebook.errors import AxonError

Run = Callable[..., Any]

#: A script; clipboard, screen and title of a terminal, in both codings; what turns and hides text.
HOSTILE = (
    "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>\x1b]52;c;aGk=\x07\x1b[2J\x9d0;t\x9c"
    "\u202egnp.exe\u2066\u200b\u2028\r\x08"
)
NAME = '"' + HOSTILE.replace('"', '""') + '"'
LONG = "long" * 5000
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

#: Cells whose value, status line or error has the hostile words in it.
CELLS = [
    "%axonsql SELECT source, event_type, payload FROM events",
    f"%%axonsql\nSELECT 1 AS {NAME}",
    f"%%axonsql --each\nSELECT payload FROM events;\nSELECT 2 AS {NAME}",
    "%axonsql -t rows SELECT payload FROM events",
    "%axonsql -t dicts SELECT payload FROM events",
    "%axonsql -t scalar SELECT payload FROM events",
    "%axonsql --json SELECT payload FROM events",
    "%axonsql --dry-run SELECT :hostile",
    "%axonsql --explain SELECT payload FROM events WHERE source = :hostile",
    "%axonsql --bg SELECT payload FROM events",
    f"%%axonsql\nSELECT {NAME} + FROM events",
    f"%%axonsql\nSELECT * FROM {NAME}",
    f"%%axonsql\nSELECT * FROM events WHERE source = :{LONG}",
    "%axonsql SELECT :lone",
    "%axonsql SELECT :hostile_list",
    "%axon",
    "%axon last",
    "%axon ls",
    "%axon info",
    "%axon tables",
    "%axon schema",
    "%axon schema --ddl",
    "%axon events",
    "%axon use {hostile_line}",
    "%axon schema {hostile_line}",
    "%axon {hostile_line}",
    "%axonsql --{hostile_line}",
    "%axon_publish --dry-run --from [hostile] {hostile_line}",
    "%axon_publish {hostile_line} --source {hostile_line}",
    "%%axon_publish x\n{\"a\": {hostile_line}}",
    "axon.events()",
    "axon.events()['payload']",
    "axon.info()",
    "axon",
]  # fmt: skip


class Tags(HTMLParser):
    """The elements that a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


@pytest.fixture
def hostile_run(run: Run) -> Run:
    """An axon, a table, a column, an event and variables that are all called so."""
    run("axon = %axon create {name}".replace("{name}", '"plain"'))
    axon = run("axon")
    named = axon.api.create_axon(HOSTILE, {HOSTILE: HOSTILE})
    run(f"axon = %axon use {named.id}", hostile=HOSTILE, lone="\ud800", hostile_list=[HOSTILE])
    run("axon.publish(hostile, hostile, source=hostile)")
    run(f"%%axonsql\nCREATE TABLE {NAME} ({NAME} TEXT)")
    return run


def shown(
    shell: InteractiveShell, run: Run, cell: str, capsys: pytest.CaptureFixture[str]
) -> dict[str, str]:
    """Everything that *cell* shows, by where it is shown."""
    capsys.readouterr()
    line = HOSTILE.replace("\r", "").replace("\u2028", "").replace(" ", "")
    try:
        value = run(cell.replace("{hostile_line}", line))
    except AxonError as error:
        capsys.readouterr()
        everything = "\n".join(error._render_traceback_())  # the cell has shown it once
        assert not COMMANDS.search(everything)
        error.shown = False
        return {"error": "\n".join(error._render_traceback_())}
    texts, _ = shell.display_formatter.format(value)  # type: ignore[union-attr]
    captured = capsys.readouterr()
    if hasattr(value, "cancel"):
        value.result(30)
    return {"out": captured.out, "err": captured.err, **texts}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ascii(cell)[:40])
def test_hostile_words_are_text_in_every_form(
    hostile_run: Run, shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    """A payload is whatever an agent read on the web; a column may be called the same."""
    forms = shown(shell, hostile_run, cell, capsys)

    assert {k: COMMANDS.findall(t) for k, t in forms.items() if COMMANDS.search(t)} == {}
    assert {k: UNSEEN.findall(t) for k, t in forms.items() if UNSEEN.search(t)} == {}
    assert Tags(forms.get("text/html", "")).found.isdisjoint({"script", "img", "onerror"})
    assert {k: len(t) for k, t in forms.items() if len(t) >= 9000} == {}


@pytest.mark.parametrize(
    "form", ["polars", *(["arrow"] if find_spec("pyarrow") else [])]
)  # fmt: skip
def test_other_libraries_tables_command_no_terminal(
    hostile_run: Run, shell: InteractiveShell, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Their reprs are theirs, but the terminal is the user's."""
    forms = shown(shell, hostile_run, f"%axonsql -t {form} SELECT payload FROM events", capsys)

    assert {k: COMMANDS.findall(t) for k, t in forms.items() if COMMANDS.search(t)} == {}


def test_frames_of_others_lose_controls_and_nothing_else(run: Run, shell: InteractiveShell) -> None:
    """Joined emoji need the very character that hides elsewhere."""
    frame = pd.DataFrame({"a": ["👩\u200d🚀", "x\x1b[2Jy"]})
    text = shell.display_formatter.format(frame)[0]["text/plain"]  # type: ignore[union-attr]

    assert text.splitlines()[1:] == repr(frame).replace("\x1b", "�").splitlines()[1:]
    assert "👩\u200d🚀" in text


def test_the_values_themselves_stay_as_they_are(hostile_run: Run) -> None:
    """What is shown is not what is computed with."""
    frame = hostile_run("%axonsql SELECT payload FROM events")

    assert frame["payload"].tolist() == [HOSTILE]
