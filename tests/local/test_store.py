"""Axons and their events: kept in order, kept for good, kept apart."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.store import Draft, Store
from axon_notebook.models import AxonEvent

from .stored import Home, opened


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home") as home:
        yield home


# Events --------------------------------------------------------------------------------


def test_sequences_start_at_one_and_have_no_holes(home: Home) -> None:
    """Readers find their place, and see a loss, by counting."""
    results = [home.publish() for _ in range(3)]

    assert [result.sequence for result in results] == [1, 2, 3]


def test_concurrent_publishers_share_commits_and_no_sequence(home: Home) -> None:
    """Group commit is what makes durable publishing fast; it must not mix up answers."""
    groups: list[list[AxonEvent]] = []
    home.store.on_published = lambda axon, events: groups.append(events)

    async def crowd() -> list[tuple[int, str]]:
        async def one(i: int) -> tuple[int, str]:
            return (await home.published(str(i))).sequence, str(i)

        return await asyncio.gather(*(one(i) for i in range(200)))

    answers = home.do(crowd())

    assert sorted(answers) == [(event.sequence, event.payload) for event in home.events()]
    assert [sequence for sequence, _ in sorted(answers)] == list(range(1, 201))
    assert [e.sequence for group in groups for e in group] == list(range(1, 201))
    assert len(groups) < 20


def test_what_is_published_is_heard_before_the_publisher_is_answered(home: Home) -> None:
    """A publisher who then looks at the stream must find the event there."""
    heard: list[int] = []
    home.store.on_published = lambda axon, events: heard.extend(e.sequence for e in events)

    async def publish() -> bool:
        result = await home.published()
        return result.sequence in heard

    assert home.do(publish())


def test_a_listener_that_fails_does_not_stop_the_lane(home: Home) -> None:
    """One broken subscriber must not end publishing for good."""
    problems: list[object] = []

    def fail(axon: str, events: list[AxonEvent]) -> None:
        raise ValueError("listener")

    home.store.on_published = fail
    home.runner.get_loop().set_exception_handler(lambda loop, context: problems.append(context))

    assert [home.publish().sequence, home.publish().sequence] == [1, 2]
    assert len(problems) == 2


def test_events_published_together_stand_together(home: Home) -> None:
    """The broker publishes what an agent said in one breath."""
    drafts = [Draft("broker", "turn.started", "SYSTEM_EVENT", str(i)) for i in range(50)]

    async def both() -> list[int]:
        many = home.store.publish_many(home.axon, drafts)
        results, _ = await asyncio.gather(many, home.published())
        return [result.sequence for result in results]

    sequences = home.do(both())

    assert sequences == list(range(sequences[0], sequences[0] + 50))
    assert {e.origin for e in home.events() if e.source == "broker"} == {"SYSTEM_EVENT"}


def test_time_never_decreases_even_if_the_clock_does(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone who sorts by time must get the order of the sequence."""
    first = home.publish()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000)
    second = home.publish()
    home.reopen()
    third = home.publish()

    assert first.timestamp_ms <= second.timestamp_ms <= third.timestamp_ms


def test_history_reads_the_same_by_list_sql_and_frames(home: Home) -> None:
    """Three ways to the same events must not tell three stories."""
    for payload in ("{}", "line\u2028end", "nul\0inside", "\U0001f600", '"quoted\\"\n'):
        home.publish(payload, source="süd")
    events = home.events()
    frames, last, count = home.store.read_frames(home.axon, 0, 100)
    decoded = [json.loads(f.removeprefix(b"data: ")) for f in frames.split(b"\n\n")[:-1]]
    rows = home.rows("SELECT sequence, timestamp_ms, origin, source, event_type, payload"
                     " FROM rl_axon_events ORDER BY sequence")  # fmt: skip

    assert (last, count) == (5, 5)
    assert decoded == [
        {field: getattr(event, field) for field in event.__struct_fields__} for event in events
    ]
    assert rows == [
        [e.sequence, e.timestamp_ms, 3, e.source, e.event_type, e.payload] for e in events
    ]


def test_frames_are_pure_ascii(home: Home) -> None:
    """Decoders that split at U+2028 or U+0085 would cut an event in two."""
    home.publish("a\u2028b\u0085c\x0bé\U0001f600", source="ß")

    assert home.store.read_frames(home.axon, 0, 10)[0].isascii()


def test_frames_page_through_the_history(home: Home) -> None:
    """Replay reads page by page; the seams must hold."""
    home.do(home.store.publish_many(home.axon, [Draft("s", "t", "USER_EVENT", "{}")] * 25))
    cursor, seen = 0, 0
    while (page := home.store.read_frames(home.axon, cursor, 10))[2]:
        _, cursor, count = page
        seen += count

    assert (cursor, seen) == (25, 25)
    assert home.store.read_frames(home.axon, 99, 10) == (b"", 99, 0)


def test_the_event_list_is_newest_first_and_pages_back(home: Home) -> None:
    """This is what ``GET …/events`` promises."""
    for _ in range(5):
        home.publish()

    async def page(before: int | None) -> tuple[list[int], bool, int | None]:
        found = await home.store.list_events(
            home.axon, limit=2, before=before, include_total_count=before is None
        )
        return [e.sequence for e in found.events], found.has_more, found.total_count

    assert home.do(page(None)) == ([5, 4], True, 5)
    assert home.do(page(4)) == ([3, 2], True, None)
    assert home.do(page(2)) == ([1], False, None)


def test_a_payload_has_an_upper_bound(tmp_path: Path) -> None:
    """4 MiB is the API's limit, counted in UTF-8."""
    with opened(tmp_path / "home", payload_bytes=8) as home:
        home.publish("ääää")
        with pytest.raises(Refusal) as caught:
            home.publish("ääää.")

    assert (caught.value.status, caught.value.message) == (413, "payload is larger than 8 bytes.")


def test_a_publisher_who_leaves_does_not_disturb_the_others(home: Home) -> None:
    """A closed browser tab cancels its request in mid-commit."""

    async def leave() -> int:
        leaving = asyncio.ensure_future(home.published("gone"))
        await asyncio.sleep(0)
        leaving.cancel()
        result = await home.published("here")
        return result.sequence

    last = home.do(leave())

    assert last == len(home.events())


# Request ids -----------------------------------------------------------------------------


def test_the_same_request_is_stored_once(home: Home) -> None:
    """A client repeats a request whose answer got lost."""
    first = home.publish("a", request_id="r1")
    again = home.publish("a", request_id="r1")

    assert again == first
    assert len(home.events()) == 1


def test_a_repeated_request_is_known_after_a_restart(home: Home) -> None:
    """The answer got lost because the service went down."""
    first = home.publish("a", request_id="r1")
    home.reopen()

    assert home.publish("a", request_id="r1") == first


def test_concurrent_repeats_are_stored_once(home: Home) -> None:
    """A proxy may send both at once; they can land in one commit."""

    async def repeat() -> set[int]:
        return {r.sequence for r in await asyncio.gather(
            *(home.published("a", request_id="r1") for _ in range(20)), home.published("b")
        )}  # fmt: skip

    assert home.do(repeat()) == {1, 2}


@pytest.mark.parametrize(
    "other", [{"payload": "b"}, {"source": "x"}, {"event_type": "x"}, {"origin": "AGENT_EVENT"}]
)
def test_a_request_id_with_another_body_is_a_conflict(home: Home, other: dict[str, str]) -> None:
    """Silently answering with the first event would lose the second."""
    home.publish("a", request_id="r1")
    with pytest.raises(Refusal) as caught:
        home.publish(**({"payload": "a", "request_id": "r1"} | other))

    assert (caught.value.status, caught.value.message) == (
        409,
        "x-request-id was used with another body.",
    )
    assert len(home.events()) == 1


def test_request_ids_are_forgotten_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of ids must not grow with the history."""
    now = time.time_ns()
    with opened(tmp_path / "home", dedup_seconds=600) as home:
        for i in range(5):
            home.publish("a", request_id=f"r{i}")
        monkeypatch.setattr(time, "time_ns", lambda: now + 601 * 10**9)
        again = home.publish("b", request_id="r4")
        connection = home.do(_remembered(home))

    assert again.sequence == 6
    assert connection == 1


async def _remembered(home: Home) -> int:
    with home.store._database(home.axon).history() as connection:
        row = connection.execute("SELECT count(*) FROM rl_requests").fetchone()
    assert row is not None
    return int(str(row[0]))


# A process that dies ------------------------------------------------------------------------

PUBLISHER = """
import asyncio, sys
from pathlib import Path
from axon_notebook.local.storage.store import Store

async def main(home, axon, name):
    store = Store(Path(home))
    async def one(who):
        for i in range(10**6):
            result = await store.publish(
                axon, source=who, event_type="t", origin="USER_EVENT",
                payload=f"{who}/{i}", request_id=f"{who}/{i}",
            )
            print(result.sequence, f"{who}/{i}", flush=True)
    await asyncio.gather(*(one(f"{name}-{n}") for n in range(4)))

asyncio.run(main(*sys.argv[1:]))
"""


def test_kill_9_loses_no_answered_event(tmp_path: Path) -> None:
    """An answer is a promise: the event is there, once, whatever happens next."""
    answered: list[tuple[int, str]] = []
    with opened(tmp_path / "home") as home:
        pass
    for round_ in range(10):
        answered += _killed_publisher(home, str(round_), after=20 + 7 * round_)
    home.runner = asyncio.Runner()
    home.store = Store(home.path)
    with home.runner:
        stored = [(e.sequence, e.payload) for e in home.events()]
        check = home.rows("SELECT count(*), max(sequence) FROM rl_axon_events")
        home.do(home.store.close())

    assert len(answered) >= 10 * 20
    assert set(answered) <= set(stored)
    assert [sequence for sequence, _ in stored] == list(range(1, len(stored) + 1))
    assert len({payload for _, payload in stored}) == len(stored)
    assert check == [[len(stored), len(stored)]]


def _killed_publisher(home: Home, name: str, *, after: int) -> list[tuple[int, str]]:
    """Run a publisher, kill it after some answers, return all it was answered."""
    command = [sys.executable, "-c", PUBLISHER, str(home.path), home.axon, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    pairs = [line.split() for line in lines if line.endswith("\n")]
    return [(int(sequence), payload) for sequence, payload in pairs]
