"""Rows of the failure model of the streaming client that have no file of their own.

The numbers in the names are the rows; ``docs/faults.md`` lists where the others are.
"""

from __future__ import annotations

import random
import ssl
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
import trustme

import axon_notebook as an
from axon_notebook.errors import ConnectionFailed, StreamFailed, StreamTruncated
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.wire.events import EventStream

from .faultproxy import CutAt, FaultProxy, HalfOpenAt, ResetAt
from .rate_server import RateServer
from .reading import Reading, at_once, client_of, whole_stream
from .scripted_server import AXON, Answer, ScriptedServer, events_up_to


@pytest.mark.parametrize("count", [3, 10, 15])
def test_f26_an_axon_made_anew_under_the_same_id_is_another_history(count: int) -> None:
    """Shorter, as long, or longer: its events are not the continuation of what was read."""
    anew = [msgspec.structs.replace(e, timestamp_ms=99_000 + e.sequence) for e in events_up_to(15)]
    with (
        ScriptedServer(events_up_to(10)) as old,
        ScriptedServer(anew[:count]) as new,
        FaultProxy(old.port) as proxy,
        closing(client_of(proxy.base_url)) as client,
    ):
        old.streams(Answer(steps=[whole_stream()]))

        def make_anew(state: object) -> None:
            if getattr(state, "name", "") == "reconnecting":
                proxy.upstream = new.port

        # Away for longer than a minute: one event is asked for again, to compare.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("axon_notebook.wire.events.STALE_SECONDS", -1.0)
            reading = Reading(client, 11, on_state=make_anew)

    assert type(reading.error) is StreamTruncated
    assert reading.sequences == [*range(1, 11)]


def test_f29_a_wall_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laptops set their clocks when the network comes back; waits must not become days."""
    draw = random.Random(29)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + draw.choice([-1, 0, 1]) * 86_400)
    monkeypatch.setattr(
        time, "time_ns", lambda: int((real() + draw.choice([-1, 0, 1]) * 86_400) * 1e9)
    )
    with ScriptedServer(events_up_to(10)) as server, FaultProxy(server.port) as proxy:
        proxy.plan([CutAt(150)], [HalfOpenAt(200)], [ResetAt(130)])
        with closing(client_of(proxy.base_url)) as client:
            reading = Reading(client, idle=0.3)

    waits = [state.retry_in for state in reading.states if state.retry_in is not None]
    assert reading.is_whole()
    assert waits
    assert max(waits) == 0


CHILD = """
import os, sys
import axon_notebook as an
url, key, axon_id = sys.argv[1:]
client = an.connect(url, api_key=key)
axon = client.axon(axon_id)
with axon.subscribe() as events:
    first = next(events).sequence
    child = os.fork()
    if child == 0:
        # What a worker of multiprocessing does with an object it was handed.
        try:
            with an.connect(url, api_key=key) as own:
                own.axon(axon_id).publish("from the child", {})
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print(first, [next(events).sequence for _ in range(3)], len(axon.events()))
client.close()
"""


def test_f35_a_forked_child_leaves_its_parents_connections_alone(service: ServiceAddress) -> None:
    """Two processes that read one socket would each get half of every answer."""
    with an.connect(service.base_url, api_key=service.token) as client:
        axon = client.create_axon("forked")
        for number in range(3):
            axon.publish("tick", {"n": number})

    arguments = [service.base_url, service.token.reveal(), axon.id]
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert (run.returncode, run.stdout.strip()) == (0, "1 [2, 3, 4] 4"), run.stderr


FORGOTTEN = """
import sys
import axon_notebook as an
url, key, axon_id = sys.argv[1:]
client = an.connect(url, api_key=key)
viewer = an.EventViewer(client.axon(axon_id))
events = client.axon(axon_id).subscribe()
next(events)
print("the last line", flush=True)
"""


def test_f35_a_process_with_open_readers_ends(service: ServiceAddress) -> None:
    """A kernel that waits for a thread that waits for a server never restarts."""
    with an.connect(service.base_url, api_key=service.token) as client:
        axon = client.create_axon("forgotten")
        axon.publish("tick")

    arguments = [service.base_url, service.token.reveal(), axon.id]
    run = subprocess.run(
        [sys.executable, "-c", FORGOTTEN, *arguments], capture_output=True, text=True, timeout=300
    )

    assert (run.returncode, run.stdout) == (0, "the last line\n"), run.stderr
    assert "Fatal" not in run.stderr


def test_f39_a_name_nobody_knows_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of a train comes and goes."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with closing(client_of("https://no-such-host.invalid")) as client:
        reading = Reading(client, max_failures=2)

    assert type(reading.error) is StreamFailed
    assert "cannot connect to no-such-host.invalid" in str(reading.error)
    assert [state.failures for state in reading.states if state.failures] == [1, 2, 3]


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this process trusts."""
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    make = httpx.Client

    def trusting(**options: object) -> httpx.Client:
        return make(**(options | {"verify": context}))  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", trusting)
    return authority


def served_with(certificate: trustme.LeafCert) -> ScriptedServer:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    return ScriptedServer(events_up_to(10), tls=tls)


def test_f39_a_valid_certificate_is_accepted(authority: trustme.CA) -> None:
    """Otherwise the refusals below would prove nothing."""
    certificate = authority.issue_cert("127.0.0.1")
    with served_with(certificate) as server, closing(client_of(server.base_url)) as client:
        reading = Reading(client)

    assert reading.is_whole()


@pytest.mark.parametrize(
    ("name", "expires", "said"),
    [
        ("127.0.0.1", datetime.now(UTC) - timedelta(days=1), "certificate has expired"),
        ("elsewhere.example", None, "mismatch"),
    ],
    ids=["expired", "another name"],
)
def test_f39_a_certificate_that_does_not_hold_ends_the_stream(
    authority: trustme.CA, name: str, expires: datetime | None, said: str
) -> None:
    """Plain words, no second try, and the key was not sent."""
    certificate = authority.issue_cert(name, not_after=expires)
    with served_with(certificate) as server, closing(client_of(server.base_url)) as client:
        reading = Reading(client)

    assert type(reading.error) is ConnectionFailed
    assert reading.error.permanent
    assert said in str(reading.error)
    assert server.requests == []


@pytest.mark.parametrize(
    "count",
    [20_000, pytest.param(500_000, marks=pytest.mark.long)],
)
def test_f44_a_long_replay_is_read_in_bounded_memory(count: int) -> None:
    """Somebody who opens an old axon reads all of it before anything new."""
    seen = 0
    with RateServer() as server, closing(client_of(server.base_url)) as client:
        server.run(rate=1e9, count=count)
        with EventStream(client, AXON, backoff=at_once()) as stream:
            tracemalloc.start()
            try:
                for batch in stream:
                    for event in batch.events:
                        assert event.sequence == seen + 1
                        seen += 1
                    if seen == count:
                        break
                # The server shares the process; its own frames are its own affair.
                ours = tracemalloc.take_snapshot().filter_traces(
                    [tracemalloc.Filter(True, str(Path(an.__file__).parent / "wire" / "*"))]
                )
            finally:
                tracemalloc.stop()

    assert sum(trace.size for trace in ours.traces) < 3 * 1024 * 1024
