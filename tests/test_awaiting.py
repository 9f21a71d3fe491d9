"""Events, output and ends of commands in coroutines: a cell waits, and the kernel stays alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.errors import NotFound
from axon_notebook.local.process.launcher import ServiceAddress

LONG = 30.0  # seconds


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as found:
        yield found


@pytest.fixture
def axon(client: an.Client) -> an.Axon:
    return client.create_axon("awaited")


@pytest.fixture(scope="module")
def box(client: an.Client) -> Iterator[an.Devbox]:
    made = client.create_devbox("awaited")
    yield made
    made.shutdown()


def run(coroutine: Any) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(LONG):
            return await coroutine

    return asyncio.run(limited())


def test_events_come_once_in_order_while_the_loop_goes_on(axon: an.Axon) -> None:
    """Other widgets' callbacks run in the same loop."""

    async def main() -> tuple[list[int], int]:
        turns = 0
        seen = []

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        publishing = threading.Thread(
            target=lambda: [axon.publish("tick", {"n": n}) for n in range(50)]
        )
        publishing.start()
        async with axon.subscribe() as events:
            async for event in events:
                seen.append(event.sequence)
                if len(seen) == 50:
                    break
        counting.cancel()
        await asyncio.to_thread(publishing.join)
        return seen, turns

    seen, turns = run(main())

    assert seen == list(range(1, 51))
    assert turns > 50


def test_a_cancelled_loop_loses_nothing(axon: an.Axon) -> None:
    """The next one goes on behind the last event that was seen."""
    axon.publish_many([("tick", n) for n in range(20)])
    seen: list[int] = []

    async def read(events: an.Subscription, most: int) -> None:
        async for event in events:
            seen.append(event.sequence)
            if len(seen) >= most:
                await asyncio.sleep(0)  # a place to be cancelled at
                return

    async def main() -> None:
        async with axon.subscribe() as events:
            await read(events, 7)
            waiting = asyncio.create_task(read(events, 1000))
            while len(seen) < 20:
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await asyncio.to_thread(axon.publish, "last")
            await read(events, 21)
            assert not events.ended
        assert events.ended

    run(main())

    assert seen == list(range(1, 22))


def test_what_stops_the_stream_is_raised(client: an.Client, axon: an.Axon) -> None:
    """As in a plain loop."""
    gone = client.create_axon("gone")
    gone.delete()

    async def main() -> None:
        async with gone.subscribe() as events:
            async for _ in events:
                pass

    with pytest.raises(NotFound):
        run(main())


def test_a_subscription_that_only_the_loop_holds_is_closed_with_it(axon: an.Axon) -> None:
    """``async for event in axon.subscribe()`` is what people write."""
    axon.publish("one")

    async def main() -> threading.Thread:
        async for _ in axon.subscribe():
            (reader,) = [t for t in threading.enumerate() if axon.id in t.name]
            break
        return reader

    reader = run(main())
    reader.join(LONG)

    assert not reader.is_alive()


def test_output_and_end_of_a_command_are_awaited(box: an.Devbox) -> None:
    """Each byte once, then the exit status."""

    async def main() -> tuple[str, int | None]:
        execution = await asyncio.to_thread(box.run, "for i in 1 2 3; do echo $i; done; exit 4")
        text = "".join([chunk.text async for chunk in execution.output()])
        return text, (await execution).exit_status

    assert run(main()) == ("1\n2\n3\n", 4)


def test_a_cancelled_wait_leaves_the_command_running(box: an.Devbox) -> None:
    """Leaving a cell is not ending what it started."""

    async def main() -> an.Execution:
        execution = await asyncio.to_thread(box.run, "cat", stdin=True)
        waiting = asyncio.ensure_future(execution)
        following = asyncio.create_task(anext(aiter(execution.output())))
        await asyncio.sleep(0.05)
        for task in (waiting, following):
            task.cancel()
        await asyncio.gather(waiting, following, return_exceptions=True)
        return execution

    execution = run(main())
    execution.send_stdin("still here\n")
    execution.close_stdin()

    assert execution.wait(LONG).stdout == "still here\n"
