"""From HTTP to typed events: ours, the official SDK, httpx-sse, and the limit.

    python benchmarks/ingest.py            # 100,000 events of 535 bytes

A server in a process of its own sends the same bytes to every reader.  *Ours*
resumes, drops duplicates and fills gaps.  The *limit* is a bare
``bytes.split`` and one msgspec decode per event, which survives nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import socket
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx_sse
import msgspec
from report import report

from axon_notebook.config import Secret
from axon_notebook.models import AxonEvent
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.http import Endpoint
from axon_notebook.wire.subscription import Subscription

AXON = "axn_benchmark"
EVENT_BYTES = 535
CHUNK = 64 * 1024


def frames(count: int) -> bytes:
    """*count* events of 535 bytes each, as the service sends them."""
    out = []
    for sequence in range(1, count + 1):
        event = {
            "sequence": sequence,
            "axon_id": AXON,
            "timestamp_ms": 1_763_776_000_000 + sequence,
            "origin": "AGENT_EVENT",
            "source": "benchmark",
            "event_type": "session/update",
            "payload": "",
        }
        bare = len(json.dumps(event, separators=(",", ":"))) + len("data: \n\n") + 4
        text = {"t": "x" * (EVENT_BYTES - bare - 5)}
        event["payload"] = json.dumps(text, separators=(",", ":"))
        out.append(b"data: %b\n\n" % msgspec.json.encode(event))
    return b"".join(out)


def serve(listener: socket.socket, body: bytes, count: int) -> None:
    """Answer every request: the newest event, or the whole stream in 64 KiB chunks."""
    head = json.dumps({"events": [], "has_more": False, "total_count": count}).encode()
    pieces = [body[i : i + CHUNK] for i in range(0, len(body), CHUNK)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    while True:
        connection, _ = listener.accept()
        # A reader that has all events may leave before the end of the body.
        with connection, contextlib.suppress(ConnectionError):
            answer(connection, head, chunked)


def answer(connection: socket.socket, head: bytes, chunked: bytes) -> None:
    """Serve one request."""
    request = connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")
    if b"/subscribe/sse" in request.partition(b"\r\n")[0]:
        connection.sendall(b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(chunked)
    else:
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(kind % len(head) + head)


def path(url: str) -> str:
    return f"{url}/v1/axons/{AXON}/subscribe/sse"


def ours_batches(url: str, count: int) -> Iterator[AxonEvent]:
    """The stream a viewer uses: batches, in the thread that reads."""
    api = ApiClient(lambda start, failed: Endpoint(url, Secret("key")))
    with EventStream(api, AXON) as stream:
        seen = 0
        for batch in stream:
            yield from batch.events
            seen += len(batch.events)
            if seen >= count:
                break
    api.close()


def ours_events(url: str, count: int) -> Iterator[AxonEvent]:
    """The iterator a user writes: ``for event in axon.subscribe()``."""
    api = ApiClient(lambda start, failed: Endpoint(url, Secret("key")))
    with Subscription(EventStream(api, AXON)) as subscription:
        for seen, event in enumerate(subscription, 1):
            yield event
            if seen == count:
                break
    api.close()


def ours_lists(url: str, count: int) -> Iterator[AxonEvent]:
    """``for events in axon.subscribe().batches()``."""
    api = ApiClient(lambda start, failed: Endpoint(url, Secret("key")))
    with Subscription(EventStream(api, AXON)) as subscription:
        seen = 0
        for events in subscription.batches():
            yield from events
            seen += len(events)
            if seen >= count:
                break
    api.close()


def sdk(url: str, count: int) -> Iterator[Any]:
    from runloop_api_client import Runloop

    with Runloop(base_url=url, bearer_token="key") as client:
        yield from client.axons.subscribe_sse(AXON)


def sse_json(url: str, count: int) -> Iterator[dict[str, Any]]:
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", path(url)) as source:
        for event in source.iter_sse():
            yield json.loads(event.data)


def sse_msgspec(url: str, count: int) -> Iterator[AxonEvent]:
    decode = msgspec.json.Decoder(AxonEvent).decode
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", path(url)) as source:
        for event in source.iter_sse():
            yield decode(event.data)


def limit(url: str, count: int) -> Iterator[AxonEvent]:
    decode = msgspec.json.Decoder(AxonEvent).decode
    rest = b""
    with httpx.Client() as client, client.stream("GET", path(url)) as response:
        for chunk in response.iter_raw():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                yield decode(block[6:])


READERS: dict[str, Callable[[str, int], Iterator[Any]]] = {
    "limit: split + msgspec": limit,
    "ours: EventStream": ours_batches,
    "ours: for event in axon.subscribe()": ours_events,
    "ours: subscription.batches()": ours_lists,
    "httpx-sse + msgspec": sse_msgspec,
    "httpx-sse + json": sse_json,
    "official SDK 3.0.0": sdk,
}


def rate(reader: Callable[[str, int], Iterator[Any]], url: str, count: int) -> float:
    """Events per second of one run; every event is touched once."""
    started = time.perf_counter()
    total = sum(1 for _ in reader(url, count))
    seconds = time.perf_counter() - started
    assert total == count, f"{total} of {count} events came"
    return count / seconds


def measure(count: int, rounds: int) -> dict[str, float]:
    """Median events per second of each reader; the rounds are interleaved."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = multiprocessing.get_context("fork").Process(
        target=serve, args=(listener, frames(count), count), daemon=True
    )
    server.start()
    try:
        rates: dict[str, list[float]] = {name: [] for name in READERS}
        for _ in range(rounds):
            for name, reader in READERS.items():
                rates[name].append(rate(reader, url, count))
        return {name: statistics.median(values) for name, values in rates.items()}
    finally:
        server.terminate()
        server.join()
        listener.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # no other thread runs when this forks
    rates = measure(args.events, args.rounds)
    ours = rates["ours: EventStream"]
    print(
        f"{args.events:,} events of {EVENT_BYTES} bytes over HTTP, median of {args.rounds} rounds"
    )
    for name, value in rates.items():
        print(f"  {name:<38} {value:>10,.0f} events/s   ours is {ours / value:5.2f} times that")
    peers = {name: value for name, value in rates.items() if ":" not in name}
    limit = rates["limit: split + msgspec"]
    for name in ("EventStream", "for event in axon.subscribe()", "subscription.batches()"):
        mine = rates[f"ours: {name}"]
        report(f"HTTP to events, {name}", "events/s", mine, peers, better="higher", limit=limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
