"""The sans-I/O core of a subscription under everything a network and a server can do.

A simulated server and a fake clock drive :class:`Reception`; after each step
the invariants of a reliable log hold.  A failing run prints the steps that
led to it, ready to be kept as a plain test.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from axon_notebook.errors import (
    AuthenticationError,
    AxonError,
    ConnectionFailed,
    NotAnEventStream,
    NotFound,
    RateLimited,
    ReadTimedOut,
    ServerError,
    StreamTruncated,
)
from axon_notebook.models import AxonEvent
from axon_notebook.wire.cursor import EventBatch
from axon_notebook.wire.reception import Reception
from axon_notebook.wire.sse import encode_comment, encode_event

AXON = "axn_1"


def event(sequence: int, *, axon_id: str = AXON, era: int = 0) -> AxonEvent:
    payload = f'{{"n": {sequence}, "era": {era}, "text": "é\\n"}}'
    return AxonEvent(sequence, axon_id, 1000 + sequence, "USER_EVENT", "test", "step", payload)


def frame(*events: AxonEvent) -> bytes:
    return b"".join(encode_event(msgspec.json.encode(e)) for e in events)


class Network(RuleBasedStateMachine):
    """Rules are what happens to a subscriber; the model is the server's history."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[int, AxonEvent] = {}  # what the server can still deliver
        self.head = 0
        self.clock = 0.0
        self.reception = Reception(AXON)
        self.wire: bytes | None = None  # bytes under way; None while not connected
        self.sent = 0
        self.delivered: list[AxonEvent] = []
        self.late: set[int] = set()

    # -- the server

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        for _ in range(count):
            self.head += 1
            self.history[self.head] = event(self.head)

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def lose_one_for_good(self, data: st.DataObject) -> None:
        del self.history[data.draw(st.sampled_from(sorted(self.history)))]

    # -- the connection

    @precondition(lambda self: self.wire is None)
    @rule(overlap=st.booleans())
    def connect(self, overlap: bool) -> None:
        self.reception.check_head(self.head, self.history.get(self.head))
        self.reception.opened(self.clock)
        self.wire = b""
        after = self.reception.cursor.after_sequence
        self.sent = max(0, after - 1) if overlap else after

    @precondition(lambda self: self.wire is not None and self.sent < self.head)
    @rule(count=st.integers(1, 4), fault=st.sampled_from(["", "", "", "skip", "repeat", "swap"]))
    def send(self, count: int, fault: str) -> None:
        wanted = range(self.sent + 1, min(self.head, self.sent + count) + 1)
        events = [self.history[s] for s in wanted if s in self.history]
        self.sent = wanted[-1]
        if fault == "skip":
            events = events[1:]
        elif fault == "repeat":
            events = [*events, *events]
        elif fault == "swap":
            events = events[::-1]
        self.wire = (self.wire or b"") + frame(*events)

    @precondition(lambda self: self.wire is not None)
    @rule(
        noise=st.sampled_from(
            [
                encode_comment("keep-alive"),
                b"id: 7\n\n",
                b"retry: 10\n\n",
                b"event: ping\ndata: {}\n\n",
                frame(event(1, axon_id="axn_other")),
                frame(event(999, axon_id="axn_other")),
            ]
        )
    )
    def send_noise(self, noise: bytes) -> None:
        self.wire = (self.wire or b"") + noise

    @precondition(lambda self: self.wire)
    @rule(share=st.floats(0, 1))
    def arrive(self, share: float) -> None:
        wire = self.wire or b""
        size = max(1, int(len(wire) * share))
        self.wire = wire[size:]
        self._show(self.reception.received(wire[:size]))
        self._fill()

    @precondition(lambda self: self.wire is not None)
    @rule(
        error=st.sampled_from(
            [
                None,
                ConnectionFailed("reset"),
                ReadTimedOut("idle"),
                ServerError("idle", status=408),
                ServerError("bad gateway", status=502),
                RateLimited("slow down", status=429),
            ]
        ),
        seconds=st.floats(0, 120),
    )
    def cut(self, error: AxonError | None, seconds: float) -> None:
        self.clock += seconds
        wait = self.reception.ended(error, self.clock)
        self.wire = None

        assert 0 <= wait <= 33, "an attempt comes within the cap and its jitter"
        self.clock += wait

    # -- the reader

    def _fill(self) -> None:
        while (gap := self.reception.cursor.gap) is not None:
            first, last = gap
            found = [self.history[s] for s in range(first, last + 1) if s in self.history]
            self._show(self.reception.accept(found))
            if self.reception.cursor.after_sequence < last:
                self._show(self.reception.settle(last))

    def _show(self, batches: list[EventBatch]) -> None:
        for batch in batches:
            for shown, raw in zip(batch.events, batch.raws, strict=True):
                assert msgspec.json.decode(raw, type=AxonEvent) == shown
                self.delivered.append(shown)
                if batch.late:
                    self.late.add(shown.sequence)

    @invariant()
    def no_event_is_shown_twice(self) -> None:
        shown = [e.sequence for e in self.delivered]
        assert len(shown) == len(set(shown))

    @invariant()
    def the_order_is_that_of_the_log(self) -> None:
        shown = [e.sequence for e in self.delivered if e.sequence not in self.late]
        assert shown == sorted(shown)

    @invariant()
    def nothing_is_skipped_in_silence(self) -> None:
        cursor = self.reception.cursor
        seen = {e.sequence for e in self.delivered}
        declared = {s for a, b in cursor.missing for s in range(a, b + 1)}
        assert seen | declared == set(range(1, cursor.after_sequence + 1))
        assert not seen & declared

    @invariant()
    def what_is_shown_is_what_was_published(self) -> None:
        assert all(e == event(e.sequence) for e in self.delivered)

    def teardown(self) -> None:
        """After the last fault the reader gets to the head, whatever happened before."""
        if self.wire is not None:
            self.cut(None, 0.0)
        self.connect(False)
        while self.sent < self.head:
            self.send(4, "")
        # A last event ends the stream, so that a hole before it can be seen.
        self.publish(1)
        self.send(1, "")
        self.arrive(1.0)

        assert self.reception.cursor.after_sequence == self.head
        self.nothing_is_skipped_in_silence()


TestNetwork = Network.TestCase
TestNetwork.settings = settings(stateful_step_count=40)


@pytest.mark.long
@pytest.mark.timeout(1200)
class TestNetworkForLong(Network.TestCase):  # type: ignore[misc]
    """The same machine, over many more and longer histories, other ones in each run."""

    settings = settings(
        max_examples=3000,
        stateful_step_count=80,
        deadline=None,
        derandomize=False,
        suppress_health_check=[HealthCheck.too_slow],
    )


def read(reception: Reception, data: bytes) -> list[int]:
    return [e.sequence for batch in reception.received(data) for e in batch.events]


@pytest.fixture
def reception() -> Reception:
    fresh = Reception(AXON)
    fresh.opened(0.0)
    return fresh


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("who", status=401),
        NotFound("gone", status=410),
        NotAnEventStream("a login page"),
        ConnectionFailed("certificate", permanent=True),
        StreamTruncated("lost", cursor=2, head=1),
    ],
)
def test_what_cannot_be_helped_by_trying_again_is_raised(
    reception: Reception, error: AxonError
) -> None:
    """A wrong key asked for every 30 seconds helps nobody."""
    with pytest.raises(type(error)):
        reception.ended(error, 1.0)


def test_a_history_that_went_back_is_reported_with_both_numbers(reception: Reception) -> None:
    """Waiting for sequence 4 on a server that is at 2 would last for ever."""
    read(reception, frame(event(1), event(2), event(3)))

    with pytest.raises(StreamTruncated) as caught:
        reception.check_head(2)

    assert (caught.value.cursor, caught.value.head) == (3, 2)


def test_a_history_that_was_rewritten_is_reported(reception: Reception) -> None:
    """A restored backup that was written to again has the same numbers and other events."""
    read(reception, frame(event(1), event(2)))

    with pytest.raises(StreamTruncated, match="event 2 has another content"):
        reception.check_head(2, event(2, era=1))
    with pytest.raises(StreamTruncated, match="event 2 has another content"):
        reception.received(frame(event(2, era=1), event(3)))


def test_events_of_another_axon_are_dropped_and_counted(reception: Reception) -> None:
    """A crossed wire must not put somebody else's events into this stream."""
    assert read(reception, frame(event(1), event(1, axon_id="axn_2"), event(2))) == [1, 2]
    assert reception.foreign == 1


def unreadable(data: bytes) -> Iterator[tuple[int | None, str]]:
    fresh = Reception(AXON)
    fresh.opened(0.0)
    for batch in fresh.received(data):
        for item in batch.unreadable:
            yield item.sequence, item.text


@pytest.mark.parametrize(
    ("data", "sequence"),
    [
        (b"{broken", None),
        (b"[1, 2]", None),
        (b'{"sequence": 1, "axon_id": "axn_1"}', 1),
        (b'{"sequence": "1"}', None),
        (b'{"sequence": 1.5}', 1),
        (b'{"sequence": true}', None),
        (b'{"sequence": 99999999999999999999}', None),
        (b"[" * 10_000, None),
        (b'{"a": "\xff"}', None),
    ],
)
def test_an_unreadable_event_is_shown_as_such(data: bytes, sequence: int | None) -> None:
    """One broken event must neither end the stream nor vanish."""
    ((found, text),) = unreadable(b"data: " + data + b"\n\n")

    assert found == sequence
    assert text == data[:200].decode("utf-8", "replace")


def test_an_unreadable_event_does_not_hold_up_the_next(reception: Reception) -> None:
    """Its place is known, so nothing is missing."""
    broken = b'data: {"sequence":1,"axon_id":7}\n\n'

    assert read(reception, broken + frame(event(2))) == [2]
    assert reception.cursor.gap is None


def test_integers_are_exact_beyond_the_reach_of_doubles(reception: Reception) -> None:
    """2**53 + 1 is a sequence like any other."""
    big = Reception(AXON, after_sequence=2**53)
    big.opened(0.0)

    assert read(big, frame(event(2**53 + 1))) == [2**53 + 1]


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b'{"code":"408","message":"idle"}', 408, ServerError),
        (b'{"code":408,"message":"idle"}', 408, ServerError),
        (b'{"code":"404","message":"gone"}', 404, NotFound),
        (b'{"message":"no code"}', 500, ServerError),
        (b"not json", 500, ServerError),
        (b'{"code":"x"}', 500, ServerError),
    ],
)
def test_an_error_frame_becomes_its_typed_error(
    reception: Reception, data: bytes, status: int, kind: type[AxonError]
) -> None:
    """The stream's own errors decide between trying again and stopping."""
    reception.received(b"event: error\ndata: " + data + b"\n\n")

    assert isinstance(reception.failure, kind)
    assert reception.failure.status == status


def test_events_before_an_error_frame_are_not_lost(reception: Reception) -> None:
    """The frame ends the connection, not what came in the same chunk before it."""
    data = frame(event(1), event(2)) + b'event: error\ndata: {"code":"408"}\n\n'

    assert read(reception, data) == [1, 2]
    assert isinstance(reception.failure, ServerError)
