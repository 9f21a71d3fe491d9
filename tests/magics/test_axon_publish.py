"""Events from cells: JSON with Python's values in it, and carets where it breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from axon_notebook.errors import ParameterError, PublishError

Run = Callable[..., Any]


def payloads(run: Run) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = run(
        "%axonsql -q --to rows -o found SELECT event_type, payload FROM events"
    ) or run("found")
    return found


def test_a_line_is_an_event(run: Run, messages: Callable[[], str]) -> None:
    """``key=value``, with literals, quotes and expressions."""
    frame = run(
        "%axon_publish deploy -s ci service=api n=3 ok=true note='two  words' who=${who.upper()}",
        who="ada",
    )

    assert payloads(run) == [
        ("deploy", '{"service":"api","n":3,"ok":true,"note":"two  words","who":"ADA"}')
    ]
    assert list(frame.columns) == ["sequence", "timestamp", "event_type"]
    assert "✓ #1 deploy · USER_EVENT from ci · " in messages()


def test_a_cell_is_an_event(run: Run) -> None:
    """``${…}`` where JSON expects a value; inside of a string it is text."""
    run(
        '%%axon_publish deploy\n{"a": ${numbers}, "b": ${missing}, "c": "${numbers} {a}",\n'
        ' "d": ${{"}": 1}}, "e": 9007199254740993}',
        numbers=np.array([1, 2]),
        missing=pd.NA,
    )

    assert payloads(run) == [
        (
            "deploy",
            '{"a":[1,2],"b":null,"c":"${numbers} {a}","d":{"}":1},"e":9007199254740993}',
        )
    ]


def test_braces_on_a_line_are_not_expanded(run: Run) -> None:
    """IPython would format them."""
    run('%axon_publish note --json \'{"a": {"b": 1}}\'')

    assert payloads(run) == [("note", '{"a":{"b":1}}')]


@pytest.mark.parametrize(
    "cell",
    [
        '%%axon_publish note --each\n[{"n": 1}, {"n": 2}]',
        '%%axon_publish note --ndjson\n{"n": 1}\n\n{"n": 2}\n',
        "%axon_publish note --from [{'n':1},{'n':2}]",
        "%axon_publish note --from frame",
        '%%axon_publish --each\n[{"event_type": "note", "payload": {"n": ${i}}}, '
        '{"event_type": "note", "payload": {"n": 2}, "origin": "agent"}]',
    ],
)
def test_many_events(run: Run, cell: str, messages: Callable[[], str]) -> None:
    """Arrays, lines, frames; one frame comes back."""
    frame = run(cell, frame=pd.DataFrame({"n": [1, 2]}), i=1)

    assert frame["sequence"].tolist() == [1, 2]
    assert payloads(run) == [("note", '{"n":1}'), ("note", '{"n":2}')]
    assert "✓ 2 events #1–#2 · " in messages()


def test_a_text_is_published_as_it_stands(run: Run) -> None:
    """Not everything is JSON."""
    run("%%axon_publish note --text\nline one\n  {line} two")

    assert payloads(run) == [("note", "line one\n  {line} two")]


@pytest.mark.parametrize(
    ("body", "line", "caret", "hint"),
    [
        # Python 3.13 points at the comma itself.
        ('{"a": 1,}', '  1 │ {"a": 1,}', 8 - (sys.version_info >= (3, 13)), "a comma too many"),
        ("{'a': 1}", "  1 │ {'a': 1}", 1, "JSON has double quotes"),
        ('{"a":\n True}', "  2 │  True}", 1, "in JSON: true"),
        ('{"a": 1 # c\n}', '  1 │ {"a": 1 # c', 8, "JSON has no comments"),
        ('{"a": ${n}, "b": name}', '  1 │ {"a": ${n}, "b": name}', 17, "a variable is ${name}"),
    ],
)
def test_broken_json_is_pointed_at(run: Run, body: str, line: str, caret: int, hint: str) -> None:
    """Through the replaced expressions, in the cell's own lines."""
    with pytest.raises(ParameterError, match="no JSON") as caught:
        run(f"%%axon_publish note\n{body}", n=12345)
    shown, carets, said = caught.value.detail

    assert shown == line
    assert carets.index("^") - carets.index("│") - 2 == caret
    assert hint in said


def test_an_unknown_name_is_suggested(run: Run) -> None:
    """As in SQL."""
    with pytest.raises(ParameterError, match="no variable comit") as caught:
        run('%%axon_publish note\n{"a": ${comit}}', commit="abc")

    assert caught.value.detail[-1] == "  did you mean commit?"


def test_constants_that_json_lacks_are_refused(run: Run) -> None:
    """``NaN`` is accepted by Python's parser and by nobody else's."""
    with pytest.raises(ParameterError, match="NaN is not valid JSON"):
        run('%%axon_publish note\n{"a": NaN}')


def test_dry_run_publishes_nothing(run: Run) -> None:
    """Events cannot be taken back."""
    shown = run("%axon_publish --dry-run note a=1")

    assert repr(shown) == 'note · USER_EVENT from notebook · {"a":1}'
    assert payloads(run) == []


def test_a_failure_in_the_middle_says_how_to_go_on(run: Run) -> None:
    """What was published is kept in the variable."""
    broken = "%%axon_publish -o done --from events"
    events = [
        {"event_type": "a", "payload": 1},
        {"event_type": "b", "payload": "x" * 5_000_000},
        {"event_type": "c", "payload": 3},
    ]
    with pytest.raises(PublishError, match="event 1 of 3 was not published") as caught:
        run(broken, events=events)

    assert caught.value.detail == ["  1 published (#1 to #1) · go on with --skip 1"]
    assert run("done.event_type.tolist()") == ["a"]
    events[1]["payload"] = 2
    assert run("%axon_publish --skip 1 --from events")["sequence"].tolist() == [2, 3]


def test_many_events_are_confirmed(run: Run) -> None:
    """Without somebody to ask, ``--yes`` is needed."""
    events = [{"event_type": "n"}] * 101
    with pytest.raises(ParameterError, match="101 events cannot be taken back: add --yes"):
        run("%axon_publish --from events", events=events)

    assert len(run("%axon_publish --yes --from events", events=events)) == 101


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%axon_publish note --origin sytem", "origin sytem cannot be published"),
        ("%axon_publish note --orgin user", r"did you mean --origin\?"),
        ("%axon_publish note one two", "key=value …, or JSON after --json"),
        ("%axon_publish a=1", "an event needs a type first: %axon_publish TYPE a=1"),
        ("%%axon_publish --each\n[1]", "event 0 names no event_type"),
        ("%%axon_publish note a=1\n{}", "the line has a payload already"),
        (
            '%%axon_publish note --each\n{"a": 1}',
            "--each takes a JSON array, the cell is an",
        ),
        ('%%axon_publish --each\n[{"event_type": "a", "pay": 1}]', "unknown fields: pay"),
        ("%axon_publish note --from 5", "--from takes a DataFrame or a list of events, not a int"),
        ("%axon_publish note --each --ndjson", "--each and --ndjson exclude each other"),
    ],
)
def test_misuse_is_explained(run: Run, cell: str, message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ParameterError, match=message):
        run(cell)


def test_settings_fill_in(run: Run, shell: InteractiveShell) -> None:
    """``%config`` is weaker than the option."""
    run("%config AxonMagics.publish_source = 'robot'")
    run("%axon_publish a\n%axon_publish a -s me")
    run("%config AxonMagics.publish_source = 'notebook'")

    assert run("%axonsql --to rows SELECT source FROM events") == [("robot",), ("me",)]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%axon_publish n --json '{\"x\": 1e400}'", "1e400 is beyond the numbers"),
        ('%%axon_publish n\n{"x": {"y": [1, ${v}]}}', "inf, which JSON has no number for"),
        ('%%axon_publish n\n{"x": ${ {"y": [v]} }}', r"inf at y\[0\], which JSON"),
        ("%axon_publish n x=1e400", "the payload has inf at x, which JSON"),
        ("%axon_publish n --from frame", "row 1 is inf at b, which JSON"),
    ],
)
def test_numbers_that_json_does_not_have_are_refused(run: Run, cell: str, message: str) -> None:
    """As null they would be lost without a word."""
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, float("inf")]})
    with pytest.raises(ParameterError, match=message):
        run(cell, v=float("inf"), frame=frame)

    assert len(run("%axon events")) == 0


def test_missing_cells_are_null_and_counted(run: Run, messages: Callable[[], str]) -> None:
    """A frame has them; an event says null."""
    frame = pd.DataFrame({"a": [1.5, None], "t": pd.to_datetime(["2026-01-02", None])})
    run("%axon_publish n --from frame", frame=frame)

    assert "2 missing cells published as null" in messages()
    assert run("%axon events")["payload"].tolist()[1] == '{"a":null,"t":null}'


def test_a_text_is_published_as_it_is_written(run: Run) -> None:
    """Anyone who sends JSON of their own keeps its digits."""
    run('%%axon_publish n --text\n{"x": 1e400}')

    assert run("%axon events")["payload"].tolist() == ['{"x": 1e400}']
