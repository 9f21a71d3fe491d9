"""A request that is sent again is answered from memory."""

from __future__ import annotations

import asyncio

import pytest

from axon_notebook.local.http import repeats
from axon_notebook.local.http.repeats import Repeats
from axon_notebook.local.refusals import Refusal

from .scenario import scenario


class Work:
    """Counts how often it is done; ends when it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.done = 0
        self.may_end = asyncio.Event()
        self.fails = fails

    async def __call__(self) -> int:
        self.done += 1
        await self.may_end.wait()
        if self.fails:
            raise Refusal(503, "not now")
        return self.done


@scenario
async def test_the_same_request_is_done_once_even_while_it_is_being_done() -> None:
    """The second one often comes because the first one takes long."""
    work, repeats = Work(), Repeats()
    both = [asyncio.ensure_future(repeats.once("id", "body", work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.may_end.set()

    answers = [*await asyncio.gather(*both), await repeats.once("id", "body", work)]

    assert answers == [1, 1, 1]
    assert work.done == 1


@scenario
async def test_without_an_id_every_request_is_its_own() -> None:
    """Nothing says that they are the same."""
    work, repeats = Work(), Repeats()
    work.may_end.set()

    assert [await repeats.once(None, "body", work) for _ in range(2)] == [1, 2]


@scenario
async def test_an_id_for_another_request_is_refused() -> None:
    """Answering it with the first one's result would be worse."""
    work, repeats = Work(), Repeats()
    work.may_end.set()
    await repeats.once("id", "body", work)

    with pytest.raises(Refusal, match="another body") as refused:
        await repeats.once("id", "other", work)

    assert refused.value.status == 409


@scenario
async def test_a_failure_is_not_remembered() -> None:
    """It is the very reason to ask again."""
    work, repeats = Work(fails=True), Repeats()
    work.may_end.set()
    for _ in range(2):
        with pytest.raises(Refusal, match="not now"):
            await repeats.once("id", "body", work)

    assert work.done == 2


@scenario
async def test_the_work_goes_on_when_who_asked_has_left() -> None:
    """A half-started command would belong to nobody."""
    work, repeats = Work(), Repeats()
    leaving = asyncio.ensure_future(repeats.once("id", "body", work))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    work.may_end.set()

    assert await repeats.once("id", "body", work) == 1


@scenario
async def test_old_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service runs for weeks."""
    monkeypatch.setattr(repeats, "REMEMBERED", 3)
    work, remembered = Work(), Repeats()
    work.may_end.set()
    for n in range(6):
        await remembered.once(f"id {n}", "body", work)

    assert len(remembered._entries) <= 4
    assert await remembered.once("id 0", "body", work) == 7
