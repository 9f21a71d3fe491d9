"""The asynchronous half of Runloop's SDK, on the same service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from runloop_api_client import APIStatusError, AsyncRunloop, NotFoundError

T = TypeVar("T")
Run = Callable[[Callable[[AsyncRunloop], Awaitable[T]]], T]

EVENT: dict[str, Any] = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}


@pytest.fixture
def run(environment: None) -> Run[Any]:
    """Run a coroutine function with a client of its own."""

    def run(scenario: Callable[[AsyncRunloop], Awaitable[T]]) -> T:
        async def with_client() -> T:
            async with AsyncRunloop() as client:
                return await scenario(client)

        return asyncio.run(with_client())

    return run


def test_an_axon_lives_from_create_to_delete(run: Run[Any]) -> None:
    """The whole life in one coroutine."""

    async def life(client: AsyncRunloop) -> list[Any]:
        axon = await client.axons.create(name="async", metadata={"a": "1"})
        await client.axons.update(axon.id, metadata={"b": "2"})
        before = await client.axons.retrieve(axon.id)
        await client.axons.delete(axon.id)
        after = await client.axons.retrieve(axon.id)
        return [before.metadata, before.deleted_at_ms, after.deleted_at_ms is not None]

    assert run(life) == [{"b": "2"}, None, True]


def test_the_pager_visits_each_axon_once(run: Run[Any]) -> None:
    """`async for` over pages."""

    async def visit(client: AsyncRunloop) -> tuple[list[str], list[str]]:
        made = [(await client.axons.create(metadata={"async": "pager"})).id for _ in range(5)]
        query = {"metadata[async]": "pager"}
        pages = client.axons.list(limit=2, extra_query=query)
        return made, [axon.id async for axon in pages]

    made, visited = run(visit)
    assert visited == made[::-1]


def test_a_hundred_publishes_at_once_get_each_sequence_once(run: Run[Any]) -> None:
    """Group commit must not confuse who gets which answer."""

    async def burst(client: AsyncRunloop) -> tuple[list[int], list[str]]:
        axon = await client.axons.create()
        events = [{**EVENT, "payload": str(n)} for n in range(100)]
        results = await asyncio.gather(*(client.axons.publish(axon.id, **e) for e in events))
        page = await client.axons.events.list(axon.id, limit=100)
        stored = {event.sequence: event.payload for event in page.events}
        return [r.sequence for r in results], [stored[r.sequence] for r in results]

    sequences, payloads = run(burst)
    assert sorted(sequences) == list(range(1, 101))
    assert payloads == [str(n) for n in range(100)]


def test_queries_and_batches_are_awaited(run: Run[Any]) -> None:
    """The same answers as from the synchronous client."""

    async def ask(client: AsyncRunloop) -> list[Any]:
        axon = await client.axons.create()
        statements: Any = [{"sql": "CREATE TABLE t (x)"}, {"sql": "INSERT INTO t VALUES (7)"}]
        batch = await client.axons.sql.batch(axon.id, statements=statements)
        query = await client.axons.sql.query(axon.id, sql="SELECT x FROM t")
        return [[step.error for step in batch.results], query.rows]

    assert run(ask) == [[None, None], [[7]]]


def test_replay_and_live_events_arrive_in_order(run: Run[Any]) -> None:
    """`async for` over the stream."""

    async def follow(client: AsyncRunloop) -> list[int]:
        axon = await client.axons.create()
        await client.axons.publish(axon.id, **EVENT)
        seen: list[int] = []
        async with await client.axons.subscribe_sse(axon.id) as stream:
            async for event in stream:
                seen.append(event.sequence)
                if len(seen) == 5:
                    return seen
                await client.axons.publish(axon.id, **EVENT)
        return seen

    assert run(follow) == [1, 2, 3, 4, 5]


def test_thirty_streams_are_open_at_once(run: Run[Any]) -> None:
    """Each gets the event, none waits for another."""

    async def follow(client: AsyncRunloop) -> list[int]:
        axon = await client.axons.create()
        streams = await asyncio.gather(*(client.axons.subscribe_sse(axon.id) for _ in range(30)))
        await client.axons.publish(axon.id, **EVENT)
        firsts = await asyncio.gather(*(anext(aiter(stream)) for stream in streams))
        for stream in streams:
            await stream.close()
        return [event.sequence for event in firsts]

    assert run(follow) == [1] * 30


def test_a_deleted_axon_ends_the_stream_with_404(run: Run[Any]) -> None:
    """As an exception of the loop, not as its silent end."""

    async def follow(client: AsyncRunloop) -> int:
        axon = await client.axons.create()
        async with await client.axons.subscribe_sse(axon.id) as stream:
            await client.axons.delete(axon.id)
            with pytest.raises(APIStatusError) as caught:
                await anext(aiter(stream))
        return caught.value.status_code

    assert run(follow) == 404


def test_an_unknown_axon_is_not_found(run: Run[Any]) -> None:
    """The same classes of errors."""

    async def ask(client: AsyncRunloop) -> None:
        with pytest.raises(NotFoundError):
            await client.axons.events.list("axn_unknown")

    run(ask)
