"""A result of 200,000 × 5 as a DataFrame: ours compared with ``pandas.DataFrame(rows)``.

The second half measures the whole call, from SQL to frame, compared with Runloop's SDK.

Ratios are of medians, each pair measured in turns in one run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from report import report

from axon_notebook.models import SqlColumn, SqlResult
from axon_notebook.sql.frames import result_frame

ROWS = 200_000
COLUMNS = [
    SqlColumn("sequence", "INTEGER"),
    SqlColumn("parent", "INTEGER"),
    SqlColumn("seconds", "REAL"),
    SqlColumn("event_type", "TEXT"),
    SqlColumn("payload", "TEXT"),
]


FILL = (
    "CREATE TABLE runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < 10000) SELECT i AS sequence, nullif(i % 10, 0) AS parent, i * 0.25 AS seconds, "
    "'type.' || (i % 20) AS event_type, '{\"n\": ' || i || '}' AS payload FROM n"
)


def rows(count: int) -> list[list[Any]]:
    """Integers beyond 2^53, every tenth parent NULL."""
    return [
        [i, None if i % 10 == 0 else 2**53 + i, i * 0.25, f"type.{i % 20}", f'{{"n": {i}}}']
        for i in range(count)
    ]


def in_turns(rounds: int, clock: Callable[[], float], *tasks: Callable[[], object]) -> list[float]:
    """Median seconds of each task; they take turns, so that the machine's moods are shared."""
    for task in tasks:
        task()
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for task, measured in zip(tasks, times, strict=True):
            started = clock()
            task()
            measured.append(clock() - started)
    return [statistics.median(measured) for measured in times]


def frame_alone() -> list[tuple[str, float, float, str]]:
    result = SqlResult(COLUMNS, rows(ROWS))
    names = [column.name for column in COLUMNS]
    # Nothing is waited for here, so processor time is the measure that neighbours disturb least.
    ours, theirs = in_turns(
        9,
        time.process_time,
        lambda: result_frame(result),
        lambda: pd.DataFrame(result.rows, columns=names),
    )
    exact = [type(v) for v in result_frame(result)["parent"].tolist()[1:3]] == [int, int]
    rounded = pd.DataFrame(result.rows, columns=names)["parent"].tolist()[2]
    remark = f"exact: {exact}; pandas made {2**53 + 2 - 1} {rounded:.0f}"
    return [(f"frame of {ROWS:,} × 5", ours, theirs, remark)]


def whole_call() -> list[tuple[str, float, float, str]]:
    """The call from SQL to frame, against the embedded service, at its row limit."""
    import runloop_api_client

    import axon_notebook as an
    from axon_notebook.local.process.launcher import ensure_service, stop_service

    with tempfile.TemporaryDirectory() as directory:
        address = ensure_service(f"{directory}/home")
        try:
            with an.connect(home=f"{directory}/home") as client:
                axon = client.create_axon("bench")
                sdk = runloop_api_client.Runloop(
                    bearer_token=address.token.reveal(), base_url=address.base_url
                )
                lines = []
                axon.execute(FILL)
                for count in (1, 1_000, 10_000):
                    sql = f"SELECT * FROM runs LIMIT {count}"

                    def theirs(sql: str = sql) -> object:
                        answer = sdk.axons.sql.query(axon.id, sql=sql)
                        return pd.DataFrame(answer.rows, columns=[c.name for c in answer.columns])

                    def ours(sql: str = sql) -> object:
                        return axon.sql(sql)

                    mine, other = in_turns(9, time.perf_counter, ours, theirs)
                    lines.append((f"whole call, {count:,} rows", mine, other, ""))
                sdk.close()
                return lines
        finally:
            stop_service(f"{directory}/home")


def main() -> None:
    print(f"{'':28} {'ours':>11}  {'theirs':>11}  ratio")
    for name, ours, theirs, remark in [*frame_alone(), *whole_call()]:
        ratio = theirs / ours
        print(f"{name:28} {ours * 1e3:8.1f} ms  {theirs * 1e3:8.1f} ms  {ratio:5.2f}×  {remark}")
        peer = (
            "official SDK + pandas" if name.startswith("whole call") else "pandas.DataFrame(rows)"
        )
        report(name, "ms", ours * 1e3, {peer: theirs * 1e3}, remark=remark)


if __name__ == "__main__":
    main()
