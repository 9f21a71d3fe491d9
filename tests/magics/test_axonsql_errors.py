"""What a cell of SQL shows when it fails, waits or shares a kernel."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from axon_notebook.errors import NotFound, ParameterError, SqlError

Run = Callable[..., Any]
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"


# -- errors


def test_an_error_points_and_suggests(run: Run) -> None:
    """At most six lines, and the cell fails."""
    run("%axonsql CREATE TABLE seen(id INTEGER, at TEXT)")
    with pytest.raises(SqlError, match="no such column: event_tpe") as caught:
        run("%%axonsql\nSELECT sequence,\n  event_tpe FROM events")
    lines = [f"SqlError: {caught.value}", *caught.value.detail]

    assert lines[0] == "SqlError: no such column: event_tpe"
    assert lines[1:3] == ["  2 │   event_tpe FROM events", "    │   ^^^^^^^^^"]
    assert lines[3].startswith("  did you mean event_type?   columns of events: sequence, ")
    assert "nothing was" in lines[4]
    assert len(lines) <= 6


def test_names_are_checked_against_a_fresh_schema(run: Run) -> None:
    """A table somebody else just made is not refused."""
    run("%axonsql SELECT * FROM events")
    run("axon = %axon create other\n%axonsql SELECT * FROM events")
    run("axon.execute('CREATE TABLE fresh(a)')")

    assert run("%axonsql --to rows SELECT * FROM fresh") == []


def test_asked_again_an_error_shows_everything(
    run: Run, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """``%tb`` and ``--full-errors``."""
    capsys.readouterr()
    shown = []
    for cell in ("%axonsql SELECT nope", "%tb", "%axonsql --full-errors SELECT nope"):
        shell.run_cell(cell)
        shown.append(capsys.readouterr().out.splitlines())

    assert shown[0][0] == "SqlError: no such column: nope"
    assert len(shown[0]) <= 6
    assert all(lines[0] == "Traceback (most recent call last):" for lines in shown[1:])
    assert all(lines[-1].endswith("SqlError: no such column: nope") for lines in shown[1:])


def test_the_last_query_is_kept(run: Run) -> None:
    """Failed ones too."""
    with pytest.raises(SqlError):
        run("%axonsql SELECT :v FROM nowhere", v=4)
    last = run("%axon last")

    assert last.sql == "SELECT ? FROM nowhere"
    assert last.params == [[4]]
    assert "no such table: nowhere" in repr(last)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--limt 5 SELECT 1", "has no option --limt: did you mean --limit?"),
        ("-z SELECT 1", "%axonsql has no option -z"),
        ("--limit", "--limit needs a value: -n, --limit N"),
        ("--all=yes SELECT 1", "--all takes no value"),
        ("-p kind SELECT 1", "--param takes NAME=VALUE, got kind"),
        ("--timeout soon SELECT 1", "--timeout takes a number of seconds, got soon"),
    ],
)
def test_options_are_answered_with_a_suggestion(run: Run, line: str, message: str) -> None:
    """A typo must not become a traceback of argparse."""
    with pytest.raises(ParameterError, match=message.replace("?", r"\?")):
        run(f"%axonsql {line}")


def test_another_axon_for_one_cell(run: Run) -> None:
    """By alias, by variable, by name; a wrong one is suggested."""
    run("mine = %axon create mine")
    run("%axon create second --as two")
    run("%axonsql CREATE TABLE only_here(a)")
    run("%axon use mine")

    assert run("%axonsql -a two --to rows SELECT * FROM only_here") == []
    assert run("%axonsql -a mine --to scalar SELECT 1") == 1
    with pytest.raises(NotFound, match="two"):
        run("%axonsql -a twoo SELECT 1")


# -- in the background


def test_a_query_in_the_background(run: Run, shell: InteractiveShell) -> None:
    """Result, await, repr."""
    query = run("%axonsql --bg -o later --to scalar SELECT 41 + 1")

    assert query.result(30) == 42
    assert repr(query).startswith("✓ done after ")
    assert asyncio.run(_awaited(query)) == 42
    assert shell.user_ns["later"] == 42


async def _awaited(query: Any) -> Any:
    return await query


def test_a_failing_query_in_the_background_raises_when_asked(run: Run) -> None:
    """With the same words."""
    query = run("%axonsql --bg SELECT * FROM nowhere_at_all")
    with pytest.raises(SqlError, match="no such table: nowhere_at_all"):
        query.result(30)

    assert repr(query).startswith("✗ failed after ")


def test_a_cancelled_query_assigns_nothing(run: Run, shell: InteractiveShell) -> None:
    """Even if the server finishes."""
    ended = threading.Event()
    query = run(f"%axonsql --bg -o never {COUNTING} LIMIT 2000000) SELECT count(*) FROM n")
    query.cancel()
    query.when_done(ended.set)

    assert query.done
    assert ended.wait(20)
    assert repr(query).startswith("✗ cancelled")
    with pytest.raises(KeyboardInterrupt):
        query.result()
    assert "never" not in shell.user_ns


# -- living with IPython


def test_quiet_is_quiet(run: Run, messages: Callable[[], str]) -> None:
    """No line, no output."""
    assert run("%axonsql -q -o df SELECT 1 AS a") is None
    assert messages() == ""
    assert run("df.a[0]") == 1


def test_a_comment_above_the_magic_is_fine(run: Run) -> None:
    """A SyntaxError everywhere else."""
    assert run("# what happened\n\n%%axonsql --to rows\nSELECT 1") == [(1,)]


def test_a_cell_magic_of_one_line_is_a_line_magic(run: Run) -> None:
    """An "empty cell body" everywhere else."""
    assert run("%%axonsql --to rows SELECT 1") == [(1,)]


def test_the_body_may_begin_on_the_line(run: Run) -> None:
    """Both parts are the statement."""
    assert run("%%axonsql --to rows SELECT 1,\n2") == [(1, 2)]


def test_time_capture_and_loops(run: Run) -> None:
    """The magics that people put around ours."""
    run("%%capture captured\n%axonsql SELECT 1")
    run("%time x = 1\nfor i in range(3):\n    rows = %axonsql --to rows SELECT :i")

    assert run("rows") == [(2,)]
    assert run("%timeit -n1 -r1 -o -q %axonsql -q SELECT 1").loops == 1


def test_threads_can_run_cells(run: Run, shell: InteractiveShell) -> None:
    """A thread's error is the thread's."""
    found = run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def ask(i):\n"
        "    return get_ipython().run_line_magic('axonsql', f'-q --to scalar -o r{i} SELECT {i}')\n"
        "with ThreadPoolExecutor(2) as pool: list(pool.map(ask, range(4)))\n"
        "[r0, r1, r2, r3]"
    )

    assert found == [0, 1, 2, 3]


def test_payloads_are_text_in_html(run: Run) -> None:
    """Others un-escape cells to make links."""
    run("%axon_publish --json '\"<script>alert(1)</script>\"' hostile")
    html = run("%axonsql SELECT payload, 1 AS '<b>' FROM events")._repr_html_()

    assert "<script>" not in html
    assert "<b>" not in html


def test_the_magics_warn_about_nothing(run: Run) -> None:
    """A warning per cell is noise."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert run("%axonsql --to rows SELECT 1") == [(1,)]
