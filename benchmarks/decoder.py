"""How fast bytes become events: this decoder, its peers, and a bare ``split`` as the limit.

All read the same chunks in memory and end at the raw data of each event.  The
first table has events per second and microseconds per event; the second how
many of the streams in ``tests/wire/sse_cases.json`` each reads as the standard
says, and in time.

    python benchmarks/decoder.py
"""

from __future__ import annotations

import base64
import codecs
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from httpx_sse._decoders import SSEDecoder as HttpxDecoder
from httpx_sse._decoders import SSELineDecoder
from report import report
from runloop_api_client._streaming import SSEDecoder as SdkDecoder

from axon_notebook.models import AxonEvent
from axon_notebook.wire.sse import EventDecoder, encode_event

EVENTS = 20_000
EVENT_BYTES = 535
ROUNDS = 9
CASES = Path(__file__).parents[1] / "tests" / "wire" / "sse_cases.json"


def event_of(sequence: int) -> bytes:
    """An event of ``EVENT_BYTES`` bytes on the wire."""
    event = AxonEvent(
        sequence=sequence,
        axon_id="axn_31pXcD0F9mYQF8V6",
        timestamp_ms=1_730_000_000_000 + sequence,
        origin="AGENT_EVENT",
        source="claude",
        event_type="assistant",
        payload="",
    )
    text = json.dumps({"type": "assistant", "text": ""})
    bare = encode_event(msgspec.json.encode(msgspec.structs.replace(event, payload=text)))
    text = json.dumps({"type": "assistant", "text": ("words " * 90)[: EVENT_BYTES - len(bare)]})
    return encode_event(msgspec.json.encode(msgspec.structs.replace(event, payload=text)))


def chunked(body: bytes, size: int) -> list[bytes]:
    return [body[i : i + size] for i in range(0, len(body), size)]


def bare_split(chunks: Iterable[bytes]) -> int:
    """No decoder at all: what a program that trusts its server could do."""
    rest, count = b"", 0
    for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        count += len([block[6:] for block in blocks])
    return count


def ours_feed(chunks: Iterable[bytes]) -> int:
    decoder = EventDecoder()
    return sum(len(decoder.feed(chunk)) for chunk in chunks)


def ours_feed_data(chunks: Iterable[bytes]) -> int:
    decoder, count = EventDecoder(), 0
    for chunk in chunks:
        raws = decoder.feed_data(chunk)
        count += len(decoder.feed(chunk) if raws is None else raws)
    return count


def sdk_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    yield from SdkDecoder().iter_bytes(iter(chunks))


def httpx_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """As ``EventSource.iter_sse`` does: text, lines, events."""
    text, lines, decoder = (
        codecs.getincrementaldecoder("utf-8")("replace"),
        SSELineDecoder(),
        HttpxDecoder(),
    )
    for chunk in chunks:
        for line in lines.decode(text.decode(chunk)):
            if (event := decoder.decode(line)) is not None:
                yield event
    for line in lines.flush():
        if (event := decoder.decode(line)) is not None:
            yield event


def our_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    decoder = EventDecoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)


READERS: dict[str, Callable[[Iterable[bytes]], int]] = {
    "bare bytes.split": bare_split,
    "EventDecoder.feed_data": ours_feed_data,
    "EventDecoder.feed": ours_feed,
    "httpx-sse": lambda chunks: sum(1 for _ in httpx_events(chunks)),
    "official SDK": lambda chunks: sum(1 for _ in sdk_events(chunks)),
}


def best_seconds(chunks: list[bytes]) -> dict[str, float]:
    """The best of some rounds per reader; they take turns, so that noise meets all alike."""
    best = dict.fromkeys(READERS, float("inf"))
    for _ in range(ROUNDS):
        for name, read in READERS.items():
            begun = time.perf_counter()
            count = read(chunks)
            best[name] = min(best[name], time.perf_counter() - begun)
            if count != EVENTS:
                raise SystemExit(f"{name}: {count} events came out of {EVENTS}")
    return best


def print_speeds() -> None:
    body = b"".join(event_of(sequence) for sequence in range(1, EVENTS + 1))
    print(f"{EVENTS:,} events of {len(body) / EVENTS:.0f} bytes, best of {ROUNDS}")
    print(f"{'chunks of':>10}  {'reader':<24}{'events/s':>12}{'µs/event':>10}{'× limit':>9}")
    for size in (65_536, 1_460):
        best = best_seconds(chunked(body, size))
        limit = best["bare bytes.split"]
        for name, seconds in best.items():
            per_event = 1e6 * seconds / EVENTS
            rate = f"{EVENTS / seconds:>12,.0f}{per_event:>10.2f}{limit / seconds:>9.2f}"
            print(f"{size:>10}  {name:<24}{rate}")
        rates = {name: EVENTS / seconds for name, seconds in best.items()}
        ours = rates.pop("EventDecoder.feed_data")
        measure = f"events of {EVENT_BYTES} bytes in chunks of {size:,}"
        report(measure, "events/s", ours, rates, better="higher")


def verdict(case: dict[str, Any], read: Callable[[Iterable[bytes]], Iterator[Any]]) -> str:
    """``right``, ``wrong``, ``late`` or ``raises`` for one stream of the table."""
    given = 0
    seen: list[int] = []

    def chunks() -> Iterator[bytes]:
        nonlocal given
        for chunk in case["chunks_b64"]:
            given += 1
            yield base64.b64decode(chunk)
        given += 1  # what comes after the last chunk came at the end of the stream

    found = []
    try:
        for event in read(chunks()):
            found.append((event.event or "message", event.data, event.id or ""))
            seen.append(given)
    except Exception:  # noqa: BLE001 - any exception is the result being counted
        return "raises"
    if found != [(e["event"], e["data"], e["id"]) for e in case["expected"]]:
        return "wrong"
    counts = [sum(at <= n for at in seen) for n in range(1, len(case["chunks_b64"]) + 1)]
    return "right" if counts == case["dispatched_after_chunk"] else "late"


def print_verdicts() -> None:
    table = json.loads(CASES.read_text("utf-8"))["cases"]
    # The peers cannot be told the last event ID of an earlier connection.
    cases = [case for case in table if "initial_last_event_id" not in case]
    words = ("right", "wrong", "late", "raises")
    readers = {"EventDecoder": our_events, "httpx-sse": httpx_events, "official SDK": sdk_events}
    print(f"\n{len(cases)} streams of the table".ljust(37) + "".join(f"{w:>8}" for w in words))
    right: dict[str, float] = {}
    for name, read in readers.items():
        results = [verdict(case, read) for case in cases]
        print(f"{name:<36}" + "".join(f"{results.count(word):>8}" for word in words))
        right[name] = float(results.count("right"))
    ours, goal = right.pop("EventDecoder"), len(cases)
    report("hard streams read right and in time", "", ours, right, better="higher", goal=goal)


if __name__ == "__main__":
    print_speeds()
    print_verdicts()
