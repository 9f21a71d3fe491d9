"""The resuming stream over connections that end, hang, lie or are taken away.

The numbers in the names are the rows of the failure model: one row, one fault,
one promise.  The promise behind all of them: every event once, in order, or
declared missing.  Its other rows are in ``test_stream_refusals.py`` and
``test_stream_contents.py``.
"""

from __future__ import annotations

import ssl
import threading
import tracemalloc
import zlib
from contextlib import closing
from random import Random

import msgspec
import pytest
import trustme

from axon_notebook.errors import ConnectionFailed, ProtocolError, StreamFailed
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.cursor import EventBatch
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.resuming import StreamState

from ..faults.faultproxy import (
    Buffer,
    CutAt,
    DropEvent,
    DuplicateEvent,
    Fault,
    FaultProxy,
    Gzip,
    HalfOpenAt,
    ResetAt,
    Slicer,
    SwapEvents,
)
from ..faults.reading import Reading, at_once, client_of, whole_stream
from ..faults.scripted_server import AXON, HOLD, Answer, ScriptedServer, Wait, events_up_to, frames

# --- Connections that end ----------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "to the end"])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_f1_a_cut_at_any_byte_loses_and_repeats_nothing(
    server: ScriptedServer, client: ApiClient, how: str, chunked: bool
) -> None:
    """The one promise everything else stands on, tried at every place it could break."""
    body = whole_stream()
    framing = len(b"2a5\r\n\r\n2a5\r\n\r\n") * chunked
    for byte in range(how == "rst", len(body) + framing, 2):
        server.requests.clear()
        server.streams(Answer(cut_after=byte, how=how, chunked=chunked))

        reading = Reading(client)

        assert reading.is_whole(), f"cut after byte {byte}"
        first, *resumed = [request.after_sequence for request in server.asked()]
        least, most = (body[: max(0, n)].count(b"\n\n") for n in (byte - framing, byte))
        assert first == 0
        assert all(least <= after <= most for after in resumed)
        assert len(resumed) == 1 or most == 10


def test_f2_a_clean_end_is_not_the_end_of_the_axon(
    server: ScriptedServer, client: ApiClient
) -> None:
    """Idle axons are put away by the server, which closes their streams."""
    server.streams(
        *[Answer(steps=[frames(events_up_to(n, first=n))], chunked=True) for n in (1, 2)]
    )
    server.streams(*[Answer(steps=[])] * 3)

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 1, 2, 2, 2, 2]
    assert "the server closed the stream" in {state.reason for state in reading.states}


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["inside a line", "before the blank line"])
def test_f3_an_event_without_its_blank_line_is_not_shown(
    server: ScriptedServer, client: ApiClient, end: bytes
) -> None:
    """Half an event may be valid JSON with half its meaning."""
    half = frames(events_up_to(1)).rstrip() + end
    server.streams(Answer(steps=[half], chunked=True))

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 0]


def test_f4_a_cut_inside_a_character_shows_no_replacement(
    server: ScriptedServer, client: ApiClient
) -> None:
    """The rest of the character is on the server; it need not be guessed."""
    event = msgspec.structs.replace(events_up_to(1)[0], payload="日本語")
    server.replace([event])
    for byte in range(1, len(frames([event]))):
        server.streams(Answer(cut_after=byte, how="fin"))

        assert [e.payload for e in Reading(client, 1).events] == ["日本語"]


@pytest.mark.parametrize("garbage", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_f5_invalid_utf8_replaces_a_character_and_ends_nothing(
    server: ScriptedServer, client: ApiClient, garbage: bytes
) -> None:
    """One bad byte in one payload must not take the stream down."""
    first, *rest = events_up_to(10)
    bad = msgspec.structs.replace(first, payload="a?b")
    body = b": " + garbage + b"\n\n" + frames([bad]).replace(b"?", garbage) + frames(rest)
    server.streams(Answer(steps=[body, HOLD]))

    reading = Reading(client)

    assert reading.is_whole()
    assert reading.events[0].payload.replace("�", "") == "ab"
    assert len(server.asked()) == 1


@pytest.mark.parametrize("byte", [0, 150, 500])
def test_f6_a_connection_that_went_silent_is_replaced(
    proxy: FaultProxy, far_client: ApiClient, byte: int
) -> None:
    """A half-open socket never says that it is dead."""
    proxy.plan([HalfOpenAt(byte)])

    reading = Reading(far_client, idle=0.2)

    assert reading.is_whole()
    # Where not a byte came, the history is asked first, and has it all.
    assert proxy.streams == (2 if byte else 1)
    assert any("silent" in state.reason for state in reading.states)


def test_f17_a_slow_server_is_not_a_dead_one(server: ScriptedServer, client: ApiClient) -> None:
    """Every byte is a sign of life, however long the event takes as a whole."""
    line = frames(events_up_to(1))
    slow = [step for byte in line for step in (bytes([byte]), Wait(0.005))]
    server.streams(Answer(steps=[*slow, frames(events_up_to(10, first=2)), HOLD]))

    reading = Reading(client, idle=0.25)

    assert reading.is_whole()
    assert len(server.asked()) == 1


def test_f38_a_stream_through_a_proxy_that_cuts_every_time_arrives_whole(
    proxy: FaultProxy, far_client: ApiClient
) -> None:
    """Some proxies allow no long answer; the stream then comes in many short ones."""
    proxy.plan(*[[CutAt(200)], [ResetAt(130)]] * 12)

    reading = Reading(far_client)

    assert reading.is_whole()
    assert proxy.streams >= 10


def test_f38_a_restarted_server_is_found_again(server: ScriptedServer) -> None:
    """Updates happen; a watcher need not notice."""
    old = ScriptedServer(events_up_to(5))
    with old, FaultProxy(server.port) as proxy, closing(client_of(proxy.base_url)) as client:
        proxy.upstream = old.port

        def restart(batch: EventBatch) -> None:
            if batch.events[-1].sequence == 5:
                old.stop()
                proxy.upstream = server.port

        reading = Reading(client, on_batch=restart)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [5]


# --- Proxies and coded bodies ---------------------------------------------------------------------


@pytest.mark.parametrize("faults", [[Gzip()], [Slicer(1)], [Slicer(7), Gzip()]], ids=repr)
def test_f36_codings_and_slices_on_the_way_change_nothing(
    proxy: FaultProxy, far_client: ApiClient, faults: list[Fault]
) -> None:
    """Proxies compress and slice, asked or not."""
    proxy.plan(faults)

    reading = Reading(far_client)

    assert reading.is_whole()
    assert proxy.streams == 1


def test_f37_what_a_proxy_holds_back_comes_in_the_end(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient
) -> None:
    """A proxy that fills its buffer first delays events; none may be lost with it."""
    server.streams(Answer(steps=[whole_stream()]))
    proxy.plan([Slicer(50), Buffer(1000)])

    reading = Reading(far_client)

    assert reading.is_whole()
    assert proxy.streams == 1


def test_f37_what_a_proxy_never_lets_through_comes_from_the_history(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient
) -> None:
    """Some proxies hold a stream until it ends; the history they let through."""
    server.streams(*[Answer(steps=[whole_stream(), HOLD])] * 4)
    proxy.plan(*[[Buffer(1_000_000)]] * 4)

    def publish(batch: EventBatch) -> None:
        last = batch.events[-1].sequence
        server.publish(*events_up_to(last + 3, first=last + 1))

    reading = Reading(far_client, 16, idle=0.1, on_batch=publish)

    assert reading.is_whole(16)
    assert [request.after_sequence for request in server.asked()] == [0, 10, 13]
    assert "a proxy seems to hold the stream back" in reading.states[-1].reason


def test_f37_a_quiet_axon_is_not_taken_for_a_proxy(
    server: ScriptedServer, client: ApiClient
) -> None:
    """Where nothing is published, silence means nothing."""
    server.replace([])
    server.streams(*[Answer(steps=[HOLD])] * 3, Answer(steps=[whole_stream(), HOLD]))

    reading = Reading(client, idle=0.1)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 0, 0, 0]
    assert not any("proxy" in state.reason for state in reading.states)


def test_f39_a_refused_connection_counts_as_a_failure() -> None:
    """The server may be on its way up."""
    with ScriptedServer() as gone:
        url = gone.base_url
    with closing(client_of(url)) as client:
        reading = Reading(client, max_failures=3)

    assert type(reading.error) is StreamFailed
    assert "cannot connect" in str(reading.error)
    assert [state.failures for state in reading.states if state.failures] == [1, 2, 3, 4]


def test_f39_a_certificate_that_no_one_vouches_for_ends_the_stream() -> None:
    """Trying again cannot make it valid, and the key must not be sent."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with ScriptedServer(tls=tls) as server, closing(client_of(server.base_url)) as client:
        reading = Reading(client)

    assert type(reading.error) is ConnectionFailed
    assert reading.error.permanent
    assert f"the certificate of 127.0.0.1:{server.port} is not valid" in str(reading.error)
    assert server.requests == []


def test_t18_a_bomb_of_compressed_bytes_takes_no_memory(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A few hundred kilobytes on the wire can be a gigabyte in memory."""
    squeeze = zlib.compressobj(wbits=31)
    pieces = [squeeze.compress(b"data: " + b"x" * 1_000_000), squeeze.flush(zlib.Z_SYNC_FLUSH)]
    pieces += [squeeze.compress(b"x" * 1_000_000) for _ in range(200)]
    pieces += [squeeze.compress(b"\n\n" + whole_stream()), squeeze.flush(zlib.Z_SYNC_FLUSH)]
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    server.streams(Answer(steps=[b"".join(pieces), HOLD], headers=headers))
    tracemalloc.start()
    try:
        reading = Reading(client)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert reading.is_whole()
    assert reading.unreadable == [None]
    assert peak < 100_000_000


def test_t18_a_body_that_does_not_decompress_ends_the_stream(
    server: ScriptedServer, client: ApiClient
) -> None:
    """The next answer of the same proxy would be no better."""
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    server.streams(Answer(steps=[b"this is no gzip", HOLD], headers=headers))

    reading = Reading(client)

    assert type(reading.error) is ProtocolError
    assert "does not decode" in str(reading.error)


def any_faults(random: Random) -> list[Fault]:
    """One to four faults at random places of a stream of 200 events."""
    byte, number = random.randrange(30_000), random.randrange(1, 200)
    kinds: list[Fault] = [
        DuplicateEvent(number),
        DropEvent(number),
        SwapEvents(number),
        DropEvent(number + 1),
        Slicer(random.randrange(50, 3000)),
        random.choice([CutAt(byte), ResetAt(byte), HalfOpenAt(byte)]),
    ]
    return random.sample(kinds[:-1], random.randrange(4)) + kinds[-1:]


@pytest.mark.parametrize("seed", range(12))
def test_any_mixture_of_faults_loses_and_repeats_nothing(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient, seed: int
) -> None:
    """Faults come together; each alone is the easy case."""
    random = Random(seed)
    server.replace(events_up_to(200))
    proxy.plan(*[any_faults(random) for _ in range(8)])

    reading = Reading(far_client, 200, idle=0.1)

    assert reading.is_whole(200), f"seed {seed}"


# --- Closing -----------------------------------------------------------------------------------

SILENT = Answer(steps=[HOLD])
BUSY = Answer(status=429, steps=[b""], headers={"Retry-After": "200"})


@pytest.mark.parametrize(
    ("blocked_in", "scripts"),
    [
        ("subscribe/sse", {"subscribe/sse": SILENT}),
        ("subscribe/sse", {"subscribe/sse": BUSY}),
        ("events", {"events": SILENT}),
        ("events", {"events": BUSY}),
        (
            "sql/query",
            {"subscribe/sse": Answer(steps=[frames(events_up_to(9, first=9)), HOLD])}
            | {"sql/query": SILENT},
        ),
    ],
    ids=["silent stream", "patience", "silent list", "patience for the list", "silent query"],
)
def test_f33_closing_ends_the_reader_whatever_it_waits_for(
    server: ScriptedServer, client: ApiClient, blocked_in: str, scripts: dict[str, Answer]
) -> None:
    """A closed viewer whose thread lives on holds a socket and a cell's output."""
    for name, answer in scripts.items():
        server.answers(name, answer)
    stream = EventStream(client, AXON, backoff=at_once())
    reader = threading.Thread(target=lambda: list(stream), daemon=True)
    reader.start()
    while not server.asked(blocked_in):
        reader.join(0.01)

    stream.close()
    reader.join(120)

    assert not reader.is_alive()
    assert len(server.asked(blocked_in)) == 1
    assert stream.state.name == "ended"


# --- From the head -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [CutAt(0), CutAt(50), ResetAt(137)], ids=repr)
def test_a_stream_from_the_head_keeps_its_place_over_cuts(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient, fault: Fault
) -> None:
    """Where "now" is, is decided once; a reconnect must not move it."""
    proxy.plan([fault])
    states: list[str] = []

    def publish_once(state: StreamState) -> None:
        states.append(state.name)
        if states.count("live") == 1 and state.name == "live":
            server.publish(*events_up_to(14, first=11))

    seen: list[int] = []
    with EventStream(
        far_client, AXON, after_sequence="head", backoff=at_once(), on_state=publish_once
    ) as stream:
        for batch in stream:
            seen += [event.sequence for event in batch.events]
            if len(seen) >= 4:
                break

    assert seen == [11, 12, 13, 14]
