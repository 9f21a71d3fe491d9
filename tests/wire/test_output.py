"""The log stream against servers that break off, over real sockets."""

from __future__ import annotations

import gc
import os
import random
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Literal

import pytest

from axon_notebook.config import Secret
from axon_notebook.errors import AuthenticationError, ClosedError, NotFound, ProtocolError
from axon_notebook.models import OutputChunk
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.backoff import Backoff
from axon_notebook.wire.http import Endpoint
from axon_notebook.wire.output import OutputStream
from axon_notebook.wire.output_subscription import OutputSubscription
from axon_notebook.wire.resuming import StreamState

from ..faults.log_server import Cut, ErrorFrame, Hang, LogServer, Refuse
from ..waiting import wait_until

#: Text, colours, carriage returns, characters of every length, and bytes that are none.
LOG = (
    "plain line\n\x1b[31mred\x1b[0m\r 10%\r100%\n€ and 👩‍🚀 and �\n".encode()
    + b"\xff\xfe\xe2\x82 bad \xf0\x9f\n"
    + bytes(random.Random(7).randbytes(200))
) * 3
TEXT = LOG.decode("utf-8", "replace")
NAMES = ("start", "end")


@contextmanager
def client_of(server: LogServer) -> Iterator[ApiClient]:
    endpoint = Endpoint(server.base_url, Secret("ak_secret"))
    with closing(ApiClient(lambda start, failed: endpoint)) as client:
        yield client


def log_stream(client: ApiClient, stream: str = "stdout", **options: Any) -> OutputStream:
    options.setdefault("backoff", Backoff(base=0, cap=0, floor=0))
    return OutputStream(client, "dbx_1", "e1", stream, **options)


def read(server: LogServer, **options: Any) -> tuple[str, OutputStream]:
    with client_of(server) as client:
        return read_with(client, **options)


def read_with(client: ApiClient, **options: Any) -> tuple[str, OutputStream]:
    stream = log_stream(client, **options)
    return "".join(chunk.text for chunk in stream), stream


@pytest.mark.parametrize("names", NAMES)
def test_each_byte_comes_once_over_cuts_at_random_bytes(names: Literal["start", "end"]) -> None:
    """The promise of the whole module: a cut log is not a shorter or a longer one."""
    draw = random.Random(42)
    for _ in range(12):
        with LogServer({"stdout": LOG}, names=names) as server:
            hows = ("rst", "fin", "clean")
            server.script(
                "stdout",
                *(Cut(draw.randrange(2500), draw.choice(hows)) for _ in range(draw.randrange(9))),
            )

            text, stream = read(server)

        assert text == TEXT
        assert stream.cursor.missing == 0
        assert stream.state == StreamState("ended")


@pytest.mark.parametrize("names", NAMES)
def test_each_byte_comes_once_over_a_cut_at_every_byte(names: Literal["start", "end"]) -> None:
    """One server, one cut for each byte of a short log's wire."""
    log = "a€\n".encode() + b"\xff\xff\xe2\x82x" + "👩‍🚀".encode()
    with (
        LogServer({"stdout": log}, names=names, sizes=(4, 5)) as server,
        client_of(server) as client,
    ):
        for after in range(0, 180):
            server.script("stdout", Cut(after))

            text, _ = read_with(client)

            assert text == log.decode("utf-8", "replace")


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_error_frames_are_a_reason_to_resume(names: Literal["start", "end"], code: int) -> None:
    """408 is how Runloop ends an idle stream."""
    with LogServer({"stdout": LOG}, names=names) as server:
        server.script("stdout", *[ErrorFrame(code, chunks=2)] * 4)

        text, stream = read(server)

    assert text == TEXT
    assert stream.connections == 6  # four that failed, one to the end, one to be sure


def test_a_server_that_leaves_offsets_out_is_resumed_by_what_was_read() -> None:
    """The field is optional; with clean text the count is exact."""
    log = b"".join(b"line %d\n" % n for n in range(100))
    with LogServer({"stdout": log}, names=None) as server:
        server.script("stdout", *[Cut(after, "rst") for after in (100, 333, 50)])

        text, _ = read(server)

    assert text == log.decode()


def test_a_clean_end_of_a_running_command_is_no_end() -> None:
    """A proxy that closes idle connections would otherwise end every long build."""
    with LogServer({"stdout": LOG}) as server:
        server.script("stdout", Cut(200, "clean"), Cut(0, "clean"), Cut(100, "clean"))

        text, _ = read(server)

        assert text == TEXT
        assert server.asked >= 3


def test_the_end_is_asked_for_once_more_when_the_command_has_completed() -> None:
    """The connection that ended may have been cut cleanly in the last moment."""
    with LogServer({"stdout": LOG}) as server:
        text, stream = read(server)

        assert text == TEXT
        assert server.requests == [("stdout", None), ("stdout", len(LOG))]
    assert stream.connections == 2


@pytest.mark.parametrize("names", NAMES)
def test_reading_can_begin_at_any_byte(names: Literal["start", "end"]) -> None:
    """A viewer that was closed goes on where it was."""
    with LogServer({"stdout": b"0123456789" * 9}, names=names) as server:
        server.script("stdout", Cut(120), Cut(60))

        text, _ = read(server, offset=13)

    assert text == ("0123456789" * 9)[13:]


def test_silence_is_not_waited_for_beyond_the_idle_time() -> None:
    """A half-open connection says nothing for ever."""
    with LogServer({"stdout": LOG}) as server:
        server.script("stdout", Hang(chunks=3))

        text, stream = read(server, idle=0.2)

    assert text == TEXT
    assert stream.connections == 3


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (404, NotFound)], ids=str
)
def test_what_cannot_be_helped_stops_at_once(status: int, error: type[Exception]) -> None:
    """Asking again with the same key, or for the same id, changes nothing."""
    with LogServer({"stdout": LOG}) as server:
        server.script("stdout", Cut(300), Refuse(status), Refuse(status))

        with pytest.raises(error):
            read(server)

        assert len(server.requests) == 2


def test_every_change_of_state_is_told() -> None:
    """A viewer shows it; a log that stands still must say why."""
    states: list[StreamState] = []
    with LogServer({"stdout": LOG}) as server:
        server.script("stdout", Refuse(503), Cut(100))

        read(server, on_state=states.append)

    assert [s.name for s in states] == [
        "reconnecting",
        "live",
        "reconnecting",
        "live",
        "live",
        "ended",
    ]
    assert states[0].reason
    assert states[0].retry_in == 0.0


def test_close_wakes_a_reader_that_waits() -> None:
    """Closing a viewer must not take until the next line of a silent command."""
    with LogServer({"stdout": LOG}) as server, client_of(server) as client:
        server.script("stdout", Hang(chunks=1))
        stream = log_stream(client)
        chunks = iter(stream)
        next(chunks)
        threading.Timer(0.1, stream.close).start()

        rest = list(chunks)

    assert rest == []
    assert stream.state.name == "ended"


# -- both streams at once


def subscription(client: ApiClient, **options: Any) -> OutputSubscription:
    return OutputSubscription(
        [log_stream(client, "stdout"), log_stream(client, "stderr")], **options
    )


def by_stream(chunks: list[OutputChunk]) -> dict[str, str]:
    return {
        name: "".join(c.text for c in chunks if c.stream == name) for name in ("stdout", "stderr")
    }


def test_both_streams_come_whole_through_one_iteration() -> None:
    """What a terminal shows is both."""
    err = b"warning\n" * 50
    with LogServer({"stdout": LOG, "stderr": err}) as server, client_of(server) as client:
        server.script("stdout", Cut(300), Cut(700))
        server.script("stderr", Cut(90, "fin"))

        with subscription(client) as chunks:
            got = list(chunks)
            again = chunks.next_chunk()

    assert by_stream(got) == {"stdout": TEXT, "stderr": err.decode()}
    assert again is None
    assert chunks.ended


def test_a_sink_gets_every_chunk_and_the_end() -> None:
    """The viewer is one: it must not need a thread of its own to wait."""
    got: list[OutputChunk] = []
    ends: list[Any] = []
    ended = threading.Event()

    def on_end(error: object) -> None:
        ends.append(error)
        ended.set()

    with LogServer({"stdout": LOG}) as server, client_of(server) as client:
        chunks = subscription(client, sink=got.append, on_end=on_end)
        assert ended.wait(20)
        with pytest.raises(ClosedError, match="sink"):
            next(chunks)
        chunks.close()

    assert by_stream(got)["stdout"] == TEXT
    assert ends == [None]


def test_a_sink_is_not_kept_waiting_for_what_a_silent_stream_does_not_bring() -> None:
    """The log shows what is there, also where the order cannot be known any more."""
    got: list[OutputChunk] = []
    came = threading.Event()

    def sink(chunk: OutputChunk) -> None:
        got.append(chunk)
        if chunk.stream == "stderr":
            came.set()

    logs, before = {"stdout": b"o" * 16, "stderr": b"e" * 16}, {"stdout": 0, "stderr": 1000}
    with (
        LogServer(logs, sizes=(16,), before=before) as server,
        client_of(server) as client,
    ):
        server.script("stdout", Hang(1))
        server.script("stderr", Hang(1))
        with subscription(client, sink=sink):
            assert came.wait(20)

    assert by_stream(got)["stderr"] == "e" * 16


def test_an_error_of_one_stream_comes_after_the_chunks_and_ends_both() -> None:
    """The other stream would go on for hours, and the error would wait with it."""
    with LogServer({"stdout": LOG, "stderr": b"e"}) as server, client_of(server) as client:
        server.script("stderr", Refuse(404))
        server.script("stdout", Hang(chunks=1), Hang(chunks=0))
        got: list[OutputChunk] = []

        with subscription(client) as chunks, pytest.raises(NotFound):
            got.extend(chunks)

    assert {c.stream for c in got} <= {"stdout"}


def test_nonsense_in_a_chunk_is_a_protocol_error() -> None:
    """A message with what came is more help than a KeyError in a thread."""

    class Nonsense(LogServer):
        def _frames(self, log: bytes, start: int) -> Iterator[bytes]:
            yield b'data: {"text": 1}\n\n'

    with Nonsense({"stdout": b"x"}) as server, pytest.raises(ProtocolError, match="chunk of out"):
        read(server)


def test_a_slow_reader_holds_the_server_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million lines nobody takes must not fill the kernel's memory."""
    monkeypatch.setattr("axon_notebook.wire.output_subscription.QUEUE_CHARACTERS", 10_000)
    log = os.urandom(30_000).hex().encode() * 8
    with (
        LogServer({"stdout": log}, sizes=(4000,)) as server,
        client_of(server) as client,
        subscription(client) as chunks,
    ):
        wait_until(lambda: chunks._reader.waiting > 10_000)
        held = chunks._reader.waiting
        got = list(chunks)

    assert held < 20_000
    assert by_stream(got)["stdout"] == log.decode()


def test_a_forgotten_subscription_warns_and_ends_its_threads() -> None:
    """A thread and a connection for ever is a leak; a warning is a way to find it."""
    with LogServer({"stdout": LOG}) as server, client_of(server) as client:
        server.script("stdout", Hang(), Hang())
        server.script("stderr", Hang(), Hang())
        chunks = subscription(client)
        threads = chunks._reader.threads
        next(chunks)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del chunks
            gc.collect()
        for thread in threads:
            thread.join(120)

    assert [w.category for w in caught] == [ResourceWarning]
    assert not any(thread.is_alive() for thread in threads)
