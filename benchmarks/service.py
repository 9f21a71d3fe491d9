"""The embedded service under load, compared with the same server answering an empty POST.

    python benchmarks/service.py            a bit over a minute
    python benchmarks/service.py --quick    about twenty seconds

Load and service are separate processes.  The load side speaks raw bytes over
asyncio transports, so that it is not what is measured; on a machine with less
than three free cores it still takes its share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from report import report
from service_load import LENGTH, Http2Caller, Reader, calls, connect

#: Makes a frame of about 535 bytes, a typical event of an agent.
TEXT = "x" * 330
#: Events of one request of the bulk measurement, as many as the client sends.
BATCH = 1000
#: Of one client.
THREADS = 24
#: Keeps SQLite busy until the service stops it.
HOSTILE = (
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n a, n b WHERE a.i * b.i < 0"
)


def payload() -> str:
    return json.dumps({"sent": time.perf_counter_ns(), "text": TEXT}, separators=(",", ":"))


# The service's side ------------------------------------------------------------------


def serve(home: Path) -> None:
    """Serve *home*, with one endpoint more that does nothing; print where, with which token."""
    from axon_notebook.local.http import app
    from axon_notebook.local.http.answers import Answer
    from axon_notebook.local.http.requests import Request
    from axon_notebook.local.http.routing import Route, post
    from axon_notebook.local.process import server
    from axon_notebook.local.process.home import Home

    async def empty(request: Request) -> Answer:
        await request.body()
        return Answer(b"{}")

    def with_empty_post(*args: Any, routes: Iterable[Route] = (), **options: Any) -> app.ServiceApp:
        return app.build_app(*args, routes=[*routes, post("/empty", empty)], **options)

    server.build_app = with_empty_post  # type: ignore[attr-defined]
    server.run(Home(home), ready=lambda record: print(record.url, record.token, flush=True))


async def fill(home: Path, count: int) -> str:
    """Store *count* events without the network; return the axon's id."""
    from axon_notebook.local.storage.store import Draft, Store

    store = Store(home)
    axon = await store.create_axon("replay", {})
    for start in range(0, count, 5000):
        number = min(5000, count - start)
        drafts = [Draft("bench", "agent.message", "AGENT_EVENT", payload()) for _ in range(number)]
        await store.publish_many(axon.id, drafts)
    await store.close()
    return axon.id


class Service:
    """The service in a process of its own."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--serve", str(home)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        url, self.token = self._process.stdout.readline().split()
        self.port = int(url.rpartition(":")[2])

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)

    def processor_seconds(self) -> float:
        """Return the processor time of the service so far, all of its threads."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self.token}",
        ]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def publish(self, axon_id: str) -> bytes:
        """Return the request that publishes an event with the present time in it."""
        event = {"source": "bench", "event_type": "agent.message", "origin": "AGENT_EVENT"}
        body = json.dumps({**event, "payload": payload()}, separators=(",", ":")).encode()
        return self.request("POST", f"/v1/axons/{axon_id}/publish", body)

    def subscribe(self, axon_id: str, after: int = 0) -> bytes:
        return self.request("GET", f"/v1/axons/{axon_id}/subscribe/sse?after_sequence={after}")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Exchange one request; return the decoded answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        writer.write(self.request(method, path, json.dumps(body).encode() if body else b""))
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(int(LENGTH.search(head)[1]))  # type: ignore[index]
        writer.close()
        return json.loads(answer)

    async def create(self) -> str:
        return str((await self.ask("POST", "/v1/axons", {"name": "bench"}))["id"])


# The load's side ---------------------------------------------------------------------


async def paced(service: Service, axon_id: str, per_second: int, seconds: float) -> list[float]:
    """Publish at a steady pace over one connection; return how long each answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    began, times = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(service.publish(axon_id))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(LENGTH.search(head)[1]))  # type: ignore[index]
        times.append(time.perf_counter() - sent)
    writer.close()
    return times


def part_of(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def ms(values: list[float], part: float) -> str:
    return f"{part_of(values, part) * 1000:.1f} ms"


# What is measured ----------------------------------------------------------------------


def bare_commits(home: Path, events: int, seconds: float) -> float:
    """Return how many events SQLite alone stores per second here, so many per transaction."""
    from axon_notebook.local.storage.commit import Commit, Draft
    from axon_notebook.local.storage.connections import Connections
    from axon_notebook.local.storage.database import AxonDatabase
    from axon_notebook.local.storage.limits import Limits

    path = home.with_name(f"bare-{events}.db")
    AxonDatabase.create(path)
    database, stored = AxonDatabase(path, Limits(), Connections(1)), 0
    drafts = [Draft("bench", "agent.message", "AGENT_EVENT", payload())] * events
    with database.publisher() as connection:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            with Commit(connection, 0, Limits()) as commit:
                commit.add(drafts, None)
            stored += events
    database.close()
    AxonDatabase.remove(path)
    return stored / seconds


async def split(service: Service, home: Path, seconds: float, rounds: int) -> str:
    """Say where the time of a publish goes: processor of the service, and the disk.

    Beyond the processor each transaction waits for the disk, and 32 connections fill one with
    half of their publishes: the others arrive while it is written.
    """
    axon_id = await service.create()
    durable = service.publish(axon_id)
    empty = service.request("POST", "/empty", durable.partition(b"\r\n\r\n")[2])
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, request in (("empty", empty), ("durable", durable)):
            used = service.processor_seconds()
            answered = len(await calls(service, request, 32, seconds))
            used = service.processor_seconds() - used
            figures.setdefault(name, []).append(answered / seconds)
            figures.setdefault(f"{name} cpu", []).append(1e6 * used / answered)
        for events in (16, 32):
            rate = await asyncio.to_thread(bare_commits, home, events, seconds / 2)
            figures.setdefault(f"sqlite {events}", []).append(rate)
    middle = {name: statistics.median(values) for name, values in figures.items()}
    name = "publish, 32 connections: "
    cpu = {"of an empty POST": middle["empty cpu"]}
    report(f"{name}processor of the service", "µs", middle["durable cpu"], cpu)
    bare = {f"transactions of {n} events, SQLite alone": middle[f"sqlite {n}"] for n in (16, 32)}
    report(f"{name}beside the disk", "answers/s", middle["durable"], bare, better="higher")
    return (
        f"{middle['durable cpu']:>7,.0f} µs of the service's processor, empty POST "
        f"{middle['empty cpu']:,.0f} µs · {middle['durable']:,.0f}/s durable; SQLite alone "
        f"{middle['sqlite 16']:,.0f}/s by 16, {middle['sqlite 32']:,.0f}/s by 32"
    )


async def publishing(service: Service, connections: int, seconds: float, rounds: int) -> str:
    axon_id = await service.create()
    durable_request = service.publish(axon_id)
    empty_request = service.request("POST", "/empty", durable_request.partition(b"\r\n\r\n")[2])
    empty, durable, times = [], [], []
    for _ in range(rounds):
        empty.append(len(await calls(service, empty_request, connections, seconds)) / seconds)
        answered = await calls(service, durable_request, connections, seconds)
        durable.append(len(answered) / seconds)
        times += answered
    ratio = statistics.median(d / e for d, e in zip(durable, empty, strict=True))
    name = f"publish, {connections} connection{'s' if connections > 1 else ''}"
    peers = {"the same server, empty POST": statistics.median(empty)}
    report(name, "answers/s", statistics.median(durable), peers, better="higher")
    report(f"{name}: p99", "ms", 1000 * part_of(times, 0.99))
    return (
        f"{statistics.median(durable):>9,.0f}/s durable, {statistics.median(empty):,.0f}/s empty: "
        f"ratio {ratio:.2f} · p50 {ms(times, 0.5)}, p99 {ms(times, 0.99)}"
    )


async def over_http2(service: Service, seconds: float, rounds: int) -> str:
    """Publish over 32 streams of one connection, beside 32 connections of HTTP/1.1."""
    axon_id = await service.create()
    request = service.publish(axon_id)
    body = request.partition(b"\r\n\r\n")[2]
    ours, peers = [], []
    for _ in range(rounds):
        caller = Http2Caller(service, f"/v1/axons/{axon_id}/publish", body, 32)
        await connect(service, caller)
        await asyncio.sleep(seconds)
        ours.append(caller.answered / seconds)
        caller.transport.abort()
        peers.append(len(await calls(service, request, 32, seconds)) / seconds)
    rate, peer = statistics.median(ours), statistics.median(peers)
    report(
        "publish over HTTP/2, 32 streams",
        "answers/s",
        rate,
        {"the same over HTTP/1.1, 32 connections": peer},
        better="higher",
    )
    return f"{rate:>9,.0f}/s durable, {peer:,.0f}/s over HTTP/1.1: ratio {rate / peer:.2f}"


async def bulk(service: Service, seconds: float, rounds: int) -> str:
    """Publish 1,000 events of 500 bytes per request, over one connection."""
    axon_id = await service.create()
    event = {"source": "bench", "event_type": "agent.message", "origin": "AGENT_EVENT"}
    event["payload"] = "x" * (500 - len(json.dumps(event, separators=(",", ":"))) - 13)
    body = json.dumps({"events": [event] * BATCH}, separators=(",", ":")).encode()
    request = service.request("POST", f"/v1/axons/{axon_id}/publish/batch", body)
    rates = []
    for _ in range(rounds):
        rates.append(BATCH * len(await calls(service, request, 1, seconds)) / seconds)
    rate = statistics.median(rates)
    remark = f"{BATCH:,} of 500 bytes per request"
    report("bulk publish, durable", "events/s", rate, better="higher", goal=30_000, remark=remark)
    return f"{rate:>9,.0f} events/s durable, {remark}"


def from_threads(home: Path, runs: int) -> str:
    """Publish from 24 threads of one client of this package, *runs* times."""
    import axon_notebook as an

    with an.connect(home=home) as client:
        axon = client.create_axon("threads")

        def publish(thread: int) -> None:
            for number in range(6000 // THREADS):
                axon.publish("n", {"thread": thread, "number": number})

        seconds = []
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in range(runs):
                began = time.perf_counter()
                list(threads.map(publish, range(THREADS)))
                seconds.append(time.perf_counter() - began)
        assert axon.execute("SELECT count(*) FROM rl_axon_events").rows[0][0] == 6000 * runs
    name = f"6,000 publishes from {THREADS} threads of one client, slowest of {runs}"
    report(name, "s", max(seconds), goal=2.0)
    return f"{max(seconds):.2f} s, slowest of {runs} (median {statistics.median(seconds):.2f} s)"


async def replay(service: Service, axon_id: str, count: int, rounds: int) -> str:
    rates, size = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        reader = await connect(service, Reader(service.subscribe(axon_id), count))
        await reader.done.wait()
        rates.append(count / (time.perf_counter() - began))
        size = reader.bytes
        reader.transport.close()
    rate = statistics.median(rates)
    report("replay to one reader", "events/s", rate, better="higher", remark=f"{count:,} events")
    return f"{rate:>9,.0f} events/s, {rate * size / count / 1e6:,.0f} MB/s, {count:,} events"


async def fan_out(service: Service, subscribers: int, seconds: float) -> str:
    axon_id = await service.create()
    readers = [
        await connect(service, Reader(service.subscribe(axon_id), timed=True))
        for _ in range(subscribers)
    ]
    for reader in readers:
        await reader.opened.wait()
    times = await paced(service, axon_id, 100, seconds)
    await asyncio.sleep(0.5)
    for reader in readers:
        assert reader.frames == len(times), f"{reader.frames} of {len(times)} frames came"
        reader.transport.close()
    ages = [age for reader in readers for age in reader.ages]
    name = f"publish to {subscribers} readers, 100 events/s: p99"
    report(name, "ms", 1000 * part_of(ages, 0.99))
    return (
        f"{len(ages) / seconds:>9,.0f} frames/s · from publish to reader p50 {ms(ages, 0.5)}, "
        f"p99 {ms(ages, 0.99)}"
    )


async def beside_hostile_sql(service: Service, seconds: float) -> str:
    axon_id = await service.create()
    readers = [
        await connect(service, Reader(service.subscribe(axon_id), timed=True)) for _ in range(20)
    ]
    alone = await paced(service, axon_id, 100, seconds)
    for reader in readers:
        reader.ages.clear()
    query = f"/v1/axons/{axon_id}/sql/query"
    hostile = [asyncio.create_task(service.ask("POST", query, {"sql": HOSTILE})) for _ in range(8)]
    await asyncio.sleep(0.2)
    times = await paced(service, axon_id, 100, seconds)
    answers = await asyncio.gather(*hostile)
    for reader in readers:
        reader.transport.close()
    ages = [age for reader in readers for age in reader.ages]
    peers = {"without them": 1000 * part_of(alone, 0.99)}
    report("publish beside 8 endless SELECTs: p99", "ms", 1000 * part_of(times, 0.99), peers)
    refused = sorted({answer.get("message", "an answer") for answer in answers})
    return (
        f"publish p99 {ms(times, 0.99)} (alone {ms(alone, 0.99)}), stream p99 {ms(ages, 0.99)} · "
        f"the queries: {' / '.join(refused)}"
    )


async def measure(home: Path, quick: bool) -> None:
    count = 200_000 if quick else 1_000_000
    rounds, seconds = (1, 1.5) if quick else (3, 2.0)
    replayed = await fill(home, count)
    with Service(home) as service:
        for connections in (1, 32):
            name = f"publish, {connections} connection{'s' if connections > 1 else ''}"
            print(
                f"{name:<32}{await publishing(service, connections, seconds, rounds)}", flush=True
            )
        parts = await split(service, home, seconds, rounds)
        print(f"{'where the time goes':<32}{parts}", flush=True)
        two = await over_http2(service, seconds, rounds)
        print(f"{'publish, HTTP/2, 32 streams':<32}{two}", flush=True)
        print(f"{'bulk publish':<32}{await bulk(service, seconds, rounds)}", flush=True)
        threads = await asyncio.to_thread(from_threads, home, 3 if quick else 20)
        print(f"{'6,000 publishes, 24 threads':<32}{threads}", flush=True)
        print(f"{'replay to 1 reader':<32}{await replay(service, replayed, count, rounds)}")
        live = await fan_out(service, 200, 3 if quick else 8)
        print(f"{'200 readers, 100 events/s':<32}{live}", flush=True)
        hostile = await beside_hostile_sql(service, 3 if quick else 5)
        print(f"{'8 endless SELECTs, 20 readers':<32}{hostile}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--serve", metavar="HOME", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(Path(args.serve))
        return 0
    import uvloop

    with tempfile.TemporaryDirectory() as scratch:
        uvloop.run(measure(Path(scratch) / "home", args.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
