"""The same question to many axons, against the real service."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook.axon_set import moment
from axon_notebook.errors import ParameterError, SqlError
from axon_notebook.fan_out import WORKERS, fan_out
from axon_notebook.local.process.launcher import ServiceAddress

from .faults.faulty_relay import FAULTS, FaultyRelay

COUNT = "SELECT count(*) AS n, max(sequence) AS last FROM rl_axon_events"


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture(scope="module")
def prefix(client: an.Client) -> str:
    """Twelve axons, the n-th with n events."""
    name = f"set-{secrets.token_hex(4)}"
    for n in range(12):
        axon = client.create_axon(f"{name}-{n:02}", metadata={"half": "ab"[n % 2]})
        axon.publish_many([("tick", {"n": i}) for i in range(n)])
    client.create_axon(f"{name}x")
    return name


def test_a_set_has_the_axons_whose_names_match(client: an.Client, prefix: str) -> None:
    """Newest first, as every list of axons."""
    axons = client.axon_set(f"{prefix}-*")

    assert [axon.name for axon in axons] == [f"{prefix}-{n:02}" for n in reversed(range(12))]
    assert len(client.axon_set(f"{prefix}-0?")) == 10
    assert len(client.axon_set(f"{prefix}-*", metadata={"half": "a"})) == 6
    assert len(client.axon_set(f"{prefix}-*", limit=3)) == 3
    assert repr(client.axon_set(f"{prefix}-1*")) == (
        f"<AxonSet of 2 axons: {prefix}-11, {prefix}-10>"
    )


def test_a_set_is_limited_by_the_time_its_axons_were_made(client: an.Client, prefix: str) -> None:
    assert len(client.axon_set(f"{prefix}-*", since="1h")) == 12
    assert len(client.axon_set(f"{prefix}-*", until="1h")) == 0
    with pytest.raises(ParameterError, match="'yesterday' is not a time: expected 7d"):
        client.axon_set(prefix, since="yesterday")


def test_sums_over_the_set_equal_sums_over_its_axons(client: an.Client, prefix: str) -> None:
    frame = client.axon_set(f"{prefix}-*").sql(COUNT)

    assert frame.columns.tolist() == ["axon", "axon_name", "n", "last"]
    assert frame["n"].dtype == np.int64
    assert frame["last"].dtype == pd.Int64Dtype()
    assert dict(zip(frame["axon_name"], frame["n"], strict=True)) == {
        f"{prefix}-{n:02}": n for n in range(12)
    }
    assert frame.attrs["axon"]["failed"] == {}


def test_events_of_the_set_are_those_of_its_axons(client: an.Client, prefix: str) -> None:
    axons = client.axon_set(f"{prefix}-*")
    frame = axons.events(5)

    assert len(frame) == sum(min(n, 5) for n in range(12))
    assert frame.columns.tolist()[:4] == ["axon", "axon_name", "sequence", "timestamp"]
    for axon in axons:
        own = frame[frame["axon"] == axon.id]["sequence"].tolist()
        assert own == axon.events(5)["sequence"].tolist()


def test_columns_keep_one_exact_type_over_all_axons(client: an.Client) -> None:
    """One axon's REAL, NULL or missing column does not change another's integers."""
    name = f"types-{secrets.token_hex(4)}"
    for n, (declared, value) in enumerate([("INTEGER", 2**53 + 1), ("INTEGER", None)]):
        axon = client.create_axon(f"{name}-{n}")
        axon.batch([f"CREATE TABLE t (v {declared})", ("INSERT INTO t VALUES (?)", [value])])
    wide = client.create_axon(f"{name}-2")
    wide.batch(["CREATE TABLE t (v INTEGER, w BLOB)", "INSERT INTO t VALUES (3, x'00ff')"])
    frame = client.axon_set(f"{name}-*").sql("SELECT * FROM t")

    assert frame["v"].dtype == pd.Int64Dtype()
    assert frame["v"].tolist() == [3, pd.NA, 2**53 + 1]
    assert frame["w"].tolist() == [b"\x00\xff", None, None]


def test_failures_in_a_third_of_the_set_lose_nothing_of_the_others(
    client: an.Client, prefix: str, service: ServiceAddress
) -> None:
    """404, 429, 503, a cut answer: named with their reason, and asked again by retry()."""
    axons = client.axon_set(f"{prefix}-*")
    faults = {axon.id: fault for axon, fault in zip(axons, FAULTS, strict=False)}

    def fault_of(path: str) -> str | None:
        if path == "/v1/axons/sql/query":
            return "404"  # as on Runloop: a request for each axon
        hit = next((fault for axon, fault in faults.items() if axon in path), None)
        return hit if "/sql/" in path else None

    with (
        FaultyRelay(service.base_url, fault_of) as relay,
        an.connect(relay.base_url, api_key=service.token) as through,
    ):
        some = through.axon_set(f"{prefix}-*")
        frame = some.sql(COUNT)
        failed = {axon for axon, fault in faults.items() if fault != "slow"}

        assert set(frame.attrs["axon"]["failed"]) == failed
        assert set(frame["axon"]) == {axon.id for axon in axons} - failed

        faults.clear()
        before = len(relay.requests)
        whole = some.retry()

        assert len(relay.requests) - before == len(failed)
        assert whole["n"].sum() == sum(range(12))
        assert whole["axon"].tolist() == [axon.id for axon in axons]
        with pytest.raises(ParameterError, match="nothing to retry"):
            some.retry()


@pytest.mark.parametrize("fault", ["404", "429", "503", "cut"])
def test_axons_are_asked_together_where_that_works_and_one_by_one_elsewhere(
    client: an.Client, prefix: str, service: ServiceAddress, fault: str
) -> None:
    """One request for all; if it fails, in whatever way, nothing is lost."""
    faults: list[str] = []

    def fault_of(path: str) -> str | None:
        return faults[0] if faults and path == "/v1/axons/sql/query" else None

    with (
        FaultyRelay(service.base_url, fault_of) as relay,
        an.connect(relay.base_url, api_key=service.token) as through,
    ):
        axons = through.axon_set(f"{prefix}-*")
        before = len(relay.requests)
        together = axons.sql("SELECT count(*) AS n FROM rl_axon_events WHERE sequence > ?", [1])
        assert len(relay.requests) - before == 1

        faults.append(fault)
        alone = axons.sql("SELECT count(*) AS n FROM rl_axon_events WHERE sequence > ?", [1])

    assert alone.equals(together)
    assert alone["n"].sum() == sum(max(n - 1, 0) for n in range(12))


def test_a_statement_that_fails_everywhere_is_an_error(client: an.Client, prefix: str) -> None:
    with pytest.raises(an.AxonError, match=r"all 12 axons failed; the first: .*no such table"):
        client.axon_set(f"{prefix}-*").sql("SELECT * FROM nowhere")


def test_map_keeps_the_order_and_puts_exceptions_in_their_place(
    client: an.Client, prefix: str
) -> None:
    axons = client.axon_set(f"{prefix}-0[0-3]")
    found = axons.map(lambda axon: 1 // int(axon.execute(COUNT).rows[0][0]))

    assert found[:3] == [0, 0, 1]
    assert isinstance(found[3], ZeroDivisionError)


def test_no_more_than_sixteen_run_at_once() -> None:
    """The server of a team is not flooded by one cell."""
    guard, running, most = threading.Lock(), 0, 0
    full = threading.Event()

    def work(_: int) -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
            if running == WORKERS:
                full.set()
        full.wait(30)
        with guard:
            running -= 1

    fan_out(range(40), work)

    assert most == WORKERS


def test_an_age_is_counted_from_now() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)

    assert moment("7d", now=now) == datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000
    assert moment("2026-11-20T00:00+00:00") == moment("7d", now=now)


def test_a_set_of_nothing_answers_with_no_rows(client: an.Client) -> None:
    nothing = client.axon_set("nobody-has-this-name-*")
    for frame in (nothing.sql("SELECT 1 AS one"), nothing.events()):
        assert len(frame) == 0
        assert frame.columns.tolist() == ["axon", "axon_name"]


def test_sql_errors_of_one_axon_name_it(client: an.Client) -> None:
    name = f"partly-{secrets.token_hex(4)}"
    client.create_axon(f"{name}-1").execute("CREATE TABLE t (v)")
    without = client.create_axon(f"{name}-2")
    frame = client.axon_set(f"{name}-*").sql("SELECT count(*) AS n FROM t")

    assert frame["n"].tolist() == [0]
    assert frame.attrs["axon"]["failed"].keys() == {without.id}
    assert issubclass(SqlError, an.AxonError)
