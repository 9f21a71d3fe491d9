"""``%axon``: objects that can be assigned, and suggestions everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import axon_notebook
from axon_notebook.errors import NotFound, ParameterError
from axon_notebook.magics.registry import Call, Magic, magics, register

Run = Callable[..., Any]


def test_alone_it_is_a_card(run: Run) -> None:
    """Where am I, without asking a server."""
    card = run("%axon")

    assert repr(card).startswith("axon          test (axn_")
    assert "the embedded service, data in" in repr(card)
    assert "<th" in card._repr_html_()


def test_axons_are_created_used_and_listed(run: Run) -> None:
    """By name, by id, by alias, by variable."""
    run("one = %axon create listed-one --meta team=a --as short")
    by_alias = run("%axon use short")
    by_name = run("%axon use listed-one")
    by_id = run(f"%axon use {by_name.id}")
    by_variable = run("%axon use one")
    listed = run("%axon ls listed- -n 5")

    assert {a.id for a in (by_alias, by_name, by_id, by_variable)} == {by_name.id}
    assert by_name.id in listed["id"].tolist()
    assert one_line(run("%axon info"), "metadata") == "team=a"


def one_line(card: object, name: str) -> str:
    """The value of a card's line."""
    lines = dict(line.split(maxsplit=1) for line in repr(card).splitlines() if " " in line)
    return lines[name]


def test_info_is_a_card_of_what_there_is(run: Run) -> None:
    """Its size and its last event are what people ask for first."""
    run("%axon_publish big --json '{\"n\":1}'")
    card = run("%axon info")

    assert one_line(card, "events") == "1"
    assert one_line(card, "size") == "7 bytes of payloads"
    assert "event  #1 big, 20" in repr(card)
    assert one_line(card, "agent") == "none"
    assert "<th" in card._repr_html_()


def test_run_all_twice_takes_the_same_axon(run: Run, messages: Callable[[], str]) -> None:
    """A second axon of the same name is what nobody means; `create` says that it made one."""
    first = run("%axon use twice --create")
    again = run("%axon use twice --create")
    second = run("%axon create twice")

    assert first.id == again.id != second.id
    assert f"an axon named twice already existed ({first.id})" in messages()
    with pytest.warns(UserWarning, match=rf"2 axons are named 'twice'.*{second.id}.*{first.id}"):
        run("%axon use twice")


def test_tables_and_schema(run: Run) -> None:
    """Columns with types and keys, or the statements themselves."""
    run("%axonsql CREATE TABLE seen(id INTEGER PRIMARY KEY, at TEXT NOT NULL)")
    tables = run("%axon tables")
    schema = run("%axon schema seen")

    assert tables["table"].tolist() == ["rl_axon_events", "seen"]
    assert schema["column"].tolist() == ["id", "at"]
    assert schema["not_null"].tolist() == [False, True]
    assert "CREATE TABLE seen(id" in repr(run("%axon schema seen --ddl"))
    with pytest.raises(ParameterError, match=r"no table sen: did you mean seen\?"):
        run("%axon schema sen")


def test_events_are_filtered(run: Run) -> None:
    """The newest, oldest first; with readable times."""
    for kind in ("deploy", "deploy.done", "other"):
        run(f"%axon_publish {kind} n=1")
    run("%axon_publish other -s ci --origin agent n=2")

    assert run("%axon events -n 2")["sequence"].tolist() == [3, 4]
    assert run("%axon events --type deploy*")["event_type"].tolist() == ["deploy", "deploy.done"]
    assert run("%axon events --origin agent")["source"].tolist() == ["ci"]
    assert run("%axon events --after 1 -n 2")["sequence"].tolist() == [2, 3]
    assert run("%axon events --expand")["payload.n"].tolist() == [1, 1, 1, 2]
    assert str(run("%axon events").dtypes["timestamp_ms"]) == "datetime64[ms, UTC]"


def test_a_frame_becomes_a_table_exactly(run: Run) -> None:
    """Types by value; appended, replaced, and refused if it is there."""
    frame = pd.DataFrame(
        {
            "n": pd.array([2**62, None], "Int64"),
            "r": [0.1, np.nan],
            "t": ["it's\0", None],
            "b": [b"\xff", None],
            "inf": [np.inf, 1.0],
        }
    )
    run("%axon load frame -t copy", frame=frame)
    run("%axon load frame[:1] -t copy --append")
    rows = run("%axonsql --to rows SELECT * FROM copy")

    assert rows == [
        (2**62, 0.1, "it's\0", b"\xff", np.inf),
        (None, None, None, None, 1.0),
        (2**62, 0.1, "it's\0", b"\xff", np.inf),
    ]
    assert run("%axon schema copy")["type"].tolist() == ["INTEGER", "REAL", "TEXT", "BLOB", "REAL"]
    run("%axon load frame -t copy --replace")
    assert run("%axonsql --to scalar SELECT count(*) FROM copy") == 2


def test_a_large_frame_is_loaded_in_pieces(run: Run) -> None:
    """More rows than one statement takes values for."""
    frame = pd.DataFrame({"i": range(20_000), "t": "x" * 200})
    run("%axon load frame -t big", frame=frame)

    assert run("%axonsql --to rows SELECT count(*), sum(i) FROM big") == [(20_000, 199_990_000)]


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("crate x", ParameterError, r"no sub-command crate: did you mean create\?"),
        ("ls --limt 5", ParameterError, r"%axon ls has no option --limt: did you mean --limit\?"),
        ("use", ParameterError, "which axon"),
        ("use tset", NotFound, "test"),
        ("use a b", ParameterError, "%axon use does not take b"),
        ("load frame", ParameterError, "into which table"),
        ("load nofram -t x", ParameterError, "no variable nofram"),
        ("help axonsq", ParameterError, r"no help about axonsq: did you mean axonsql\?"),
    ],
)
def test_misuse_is_answered_with_a_suggestion(
    run: Run, line: str, error: type[Exception], message: str
) -> None:
    """Names, sub-commands and options alike."""
    with pytest.raises(error, match=message):
        run(f"%axon {line}")


def test_question_marks_show_the_examples_first(shell: InteractiveShell) -> None:
    """``%axonsql?`` prints another name elsewhere."""
    names = ("axon", "axonsql", "axon_publish", "axon_run", "axon_prompt")
    found = {name: shell.object_inspect(f"%{name}") for name in names}
    for name, info in found.items():
        text = info["docstring"]

        assert f"%{name}" in text
        assert text.index("%") < text.index("-")


def test_others_can_register_sub_commands(run: Run) -> None:
    """Watch and logs live with the widgets."""
    register(Magic("axon echo", "say it again", _echo, arguments="WORD"))
    try:
        assert run("%axon echo 'two words'") == "two words"
    finally:
        del magics()["axon echo"]


def _echo(call: Call) -> str:
    return call.words[0]


def test_settings_are_traits(run: Run, shell: InteractiveShell) -> None:
    """Checked when they are set, shown on the card when they differ."""
    run("%config AxonMagics.limit = 2")
    rows = run("%axonsql --to rows SELECT value FROM json_each('[1,2,3]')")
    card = repr(run("%axon"))
    run("%config AxonMagics.limit = 0")

    assert len(rows) == 2
    assert "limit=2" in card


def test_without_an_axon_the_way_out_is_named(service: object, shell: InteractiveShell) -> None:
    """The first thing a new user meets."""
    axon_notebook.load_ipython_extension(shell)
    result = shell.run_cell("%axonsql SELECT 1")

    assert isinstance(result.error_in_exec, ParameterError)
    assert "%axon use NAME, or %axon create NAME" in str(result.error_in_exec)


def test_reloading_twice_leaves_one_of_everything(shell: InteractiveShell) -> None:
    """And unloading takes all of it away."""
    for _ in range(2):
        axon_notebook.load_ipython_extension(shell)
    kinds = [type(c).__name__ for c in shell.configurables]
    matchers = [getattr(m, "matcher_identifier", "") for m in shell.Completer.custom_matchers]
    transforms = [t.__module__ for t in shell.input_transformers_cleanup]

    assert kinds.count("AxonMagics") == 1
    assert matchers.count("axon_notebook") == 1
    assert transforms.count("axon_notebook.magics.transforms") == 1

    axon_notebook.unload_ipython_extension(shell)
    try:
        assert "AxonMagics" not in [type(c).__name__ for c in shell.configurables]
        assert shell.find_magic("axonsql") is None
        assert shell.find_cell_magic("axonsql") is None
    finally:
        axon_notebook.load_ipython_extension(shell)


def test_an_axon_is_saved_and_becomes_another(run: Run, tmp_path: Path) -> None:
    """The new one is the current one, with the times of the old."""
    run("%axon create to-save")
    run("%axon_publish greeting text=hello")
    run(f"%axon save '{tmp_path}/my run.jsonl.gz' --tables")
    copy = run(f"%axon import '{tmp_path}/my run.jsonl.gz' --name copied --as c")
    before, after = run("%axon events -a to-save"), run("%axon events")

    assert copy.name == "copied"
    assert after.equals(before)
    assert run("%axon use c").id == copy.id


def test_what_a_file_lacks_is_said_at_an_import(
    run: Run, tmp_path: Path, messages: Callable[[], str]
) -> None:
    """In the line that tells of the new axon."""
    (tmp_path / "x.jsonl").write_text('{"event_type": "a"}\n')
    run(f"%axon import {tmp_path}/x.jsonl --no-use")

    assert "sequence of 1 event is made up" in messages()
