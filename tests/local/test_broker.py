"""The broker between an axon and an agent: turns, control events, restarts."""

from __future__ import annotations

import asyncio
import json
from itertools import chain
from pathlib import Path

import pytest

from axon_notebook.local.brokers.broker import Timeouts
from axon_notebook.local.refusals import Refusal

from .brokered import brokered, said, text_of, types, value
from .scenario import scenario

INITIALIZE = {"protocolVersion": 1}


@scenario
async def test_a_turn_has_a_start_output_and_an_end(home: Path) -> None:
    """In this order, and the end names the same turn as the start."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn("hello")

    assert types(events) == ["turn.started", "session/update", "session/prompt", "turn.completed"]
    assert text_of(events) == "hello"
    assert value(events[0])["turn_id"] == value(events[-1])["turn_id"]
    assert value(events[-1])["stop_reason"] == "end_turn"
    assert [event.origin for event in events[1:3]] == ["AGENT_EVENT"] * 2


@scenario
async def test_twenty_prompts_of_five_clients_become_twenty_turns_in_order(home: Path) -> None:
    """One at a time, in the order in which the axon holds them."""
    async with brokered(home) as box:
        await box.mount()

        async def client(name: int) -> list[int]:
            return [await box.prompt(f"{name}-{n}") for n in range(4)]

        sequences = sorted(chain(*await asyncio.gather(*map(client, range(5)))))
        events = await box.until_type("turn.completed", 20)

    started, ended = said(events, "turn.started"), said(events, "turn.completed")
    asked = {e.sequence: value(e)["prompt"][0]["text"] for e in events if e.sequence in sequences}
    assert [value(e)["event_sequence"] for e in started] == sequences
    assert [value(e)["turn_id"] for e in ended] == [value(e)["turn_id"] for e in started]
    edges = [e.sequence for pair in zip(started, ended, strict=True) for e in pair]
    assert edges == sorted(edges), "two turns ran at once"
    assert text_of(events) == "".join(asked[s] for s in sequences)


@scenario
async def test_requests_before_a_turn_are_answered_under_their_method(home: Path) -> None:
    """Published back to back, the second waits until the agent is initialized."""
    async with brokered(home) as box:
        await box.mount()
        await box.say("initialize", INITIALIZE)
        await box.say("session/new", {"cwd": "/home/user", "mcpServers": []})
        await box.say("session/no_such_method", {})
        await box.say("session/set_mode", {"sessionId": "s", "modeId": "m"})
        events = await box.until_type("session/set_mode")

    assert types(events) == ["devbox.running", "initialize", "session/new", "session/set_mode"]
    assert value(said(events, "initialize")[0])["protocolVersion"] == 1
    assert value(events[-1]) == {"code": -32601, "message": "no method session/set_mode"}


@scenario
async def test_the_agents_own_events_are_not_read_back(home: Path) -> None:
    """A broker that hears itself never stops talking."""
    async with brokered(home) as box:
        await box.mount()
        payload = {"sessionId": "s", "prompt": [{"type": "text", "text": "loop"}]}
        await box.say("session/prompt", payload, origin="AGENT_EVENT")
        await box.say("session/prompt", payload, origin="EXTERNAL_EVENT")
        events = await box.until_type("turn.completed")

    assert len(said(events, "turn.started")) == 1
    assert value(said(events, "turn.started")[0])["event_sequence"] == 3


@scenario
async def test_events_of_other_kinds_are_left_alone(home: Path) -> None:
    """An axon carries more than one conversation; a webhook is no prompt."""
    async with brokered(home) as box:
        await box.mount()
        await box.say("github.push", {"ref": "main"}, origin="EXTERNAL_EVENT")
        await box.say("user.note", "not even JSON")
        events = await box.turn("go on")

    assert types(events)[0] == "turn.started"
    assert text_of(events) == "go on"


@scenario
async def test_cancel_passes_while_a_turn_runs_and_others_wait(home: Path) -> None:
    """It must not queue behind the turn it is to end."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("wait")
        await box.prompt("next")
        await box.until_type("session/update")
        await box.say("session/cancel", {"sessionId": "s"})
        events = await box.until_type("turn.completed", 2)

    reasons = [value(event)["stop_reason"] for event in said(events, "turn.completed")]
    assert reasons == ["cancelled", "end_turn"]
    assert text_of(events) == "waitingnext"


@scenario
async def test_an_agent_that_ignores_cancel_does_not_keep_the_queue(home: Path) -> None:
    """The broker ends the turn in its place and says so."""
    async with brokered(home, timeouts=Timeouts(cancel=0.2)) as box:
        await box.mount()
        await box.prompt("deafwait")
        await box.until_type("turn.started")
        await box.say("session/cancel", {"sessionId": "s"})
        events = await box.until_type("turn.failed")

    failure = value(said(events, "turn.failed")[0])
    assert failure["stop_reason"] == "cancelled"
    assert "0.2 s after its cancel" in failure["error"]


@scenario
async def test_questions_are_asked_one_by_one_and_each_gets_its_own_answer(home: Path) -> None:
    """There are no ids on the axon: two open questions could not be told apart."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("ask 2")
        first = await box.until_type("session/request_permission")
        await box.say("session/request_permission", _answer("no"))
        await box.until_type("session/request_permission", 2)
        await box.say("session/request_permission", _answer("yes"))
        events = await box.until_type("turn.completed")

    asked = said(events, "session/request_permission")
    assert len(said(first, "session/request_permission")) == 1
    assert [value(e)["toolCall"]["toolCallId"] for e in asked] == ["call-0", "call-1"]
    assert text_of(events) == "no yes"


@scenario
async def test_an_answer_meant_for_another_question_is_dropped(home: Path) -> None:
    """Two people answered the first; the second one's yes must not allow the next tool."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("ask 2")
        await box.until_type("session/request_permission")
        meant = {"_meta": {"toolCallId": "call-0"}}
        await box.say("session/request_permission", {**_answer("yes"), **meant})
        await box.until_type("session/request_permission", 2)
        await box.say("session/request_permission", {**_answer("yes"), **meant})
        await box.say("session/request_permission", _answer("no"))
        events = await box.until_type("turn.completed")

    assert text_of(events) == "yes no"


@scenario
async def test_cancel_answers_what_waits_for_permission(home: Path) -> None:
    """Nobody will answer it any more, and the agent must not wait for ever."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("ask 2")
        await box.until_type("session/request_permission")
        await box.say("session/cancel", {"sessionId": "s"})
        events = await box.until_type("turn.completed")

    assert text_of(events) == "cancelled cancelled"


@scenario
async def test_updates_after_the_answer_are_published_too(home: Path) -> None:
    """Agents do send them late; they belong to the history."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("late")
        events = await box.until_type("session/update", 2)

    assert types(events)[-2:] == ["turn.completed", "session/update"]
    assert text_of(events) == "late and more"


@scenario
async def test_an_error_of_the_agent_fails_the_turn_and_not_the_agent(home: Path) -> None:
    """The next turn works."""
    async with brokered(home) as box:
        await box.mount()
        failed = await box.turn("error")
        worked = await box.turn("again")

    assert value(failed[-1])["error"] == "no account"
    assert value(said(failed, "session/prompt")[0]) == {"code": -32000, "message": "no account"}
    assert types(worked)[-1] == "turn.completed"


@scenario
async def test_a_prompt_that_is_no_object_fails_its_turn(home: Path) -> None:
    """Anyone who published it sees why, and the agent never does."""
    async with brokered(home) as box:
        await box.mount()
        await box.say("session/prompt", "{broken")
        await box.say("session/prompt", "[1]")
        await box.say("session/prompt", '{\n"sessionId": "s",\n"prompt": [{"text": "lines"}]\n}')
        events = await box.until_type("turn.completed")

    errors = [value(event)["error"] for event in said(events, "turn.failed")]
    assert ["not JSON" in errors[0], "not a JSON object" in errors[1]] == [True, True]
    assert text_of(events) == "lines"


@scenario
async def test_only_events_after_the_mount_are_heard(home: Path) -> None:
    """A new agent on an old axon must not be told everything again."""
    async with brokered(home) as box:
        await box.prompt("old")
        await box.mount()
        events = await box.turn("new")

    assert text_of(events) == "new"


@scenario
async def test_events_published_while_the_agent_starts_are_heard(home: Path) -> None:
    """The devbox answers at once; its agent may need a while."""
    async with brokered(home) as box:
        creating = asyncio.create_task(box.mount(launch=["sleep 0.3"]))
        await asyncio.sleep(0)
        while not box.devbox_id:
            await asyncio.sleep(0)
        sequence = await box.prompt("early")
        await creating
        events = await box.until_type("turn.completed")

    assert value(said(events, "turn.started")[0])["event_sequence"] == sequence


@scenario
async def test_after_a_restart_the_agent_sleeps_and_no_turn_comes_again(home: Path) -> None:
    """The next event starts it anew; the old prompts stay history."""
    async with brokered(home) as box:
        await box.mount()
        await box.turn("before")
        axon_id = box.axon_id
    async with brokered(home, axon_id=axon_id) as box:
        after = await box.events()
        events = await box.turn("after")
        everything = await box.events()

    assert types(after)[-1] == "devbox.suspended"
    assert types(events)[:2] == ["devbox.running", "turn.started"]
    assert text_of(everything) == "beforeafter"


@scenario
async def test_an_axon_has_one_broker_at_a_time(home: Path) -> None:
    """Two agents would answer every prompt twice."""
    async with brokered(home) as box:
        first = await box.mount()
        with pytest.raises(Refusal, match=f"devbox {first}: shut that down first"):
            await box.mount()
        await box.devboxes.shutdown(first)
        await box.mount()
        events = await box.turn("hello")

    assert text_of(events) == "hello"


@scenario
async def test_a_mount_that_cannot_work_is_refused_with_the_field(home: Path) -> None:
    """Before anything is created."""
    async with brokered(home) as box:
        for mount, sentence in [
            (
                {"protocol": "pigeon"},
                "'pigeon' is not one of acp, claude_json, codex_json, pi_json",
            ),
            ({"agent_binary": None}, "needs agent_binary"),
            ({"axon_id": "axn_none"}, "axon_id of a broker_mount is unknown"),
            ({"launch_args": "acp"}, "launch_args"),
            ({"launch_args": ["a\0b"]}, "NUL"),
        ]:
            with pytest.raises(Refusal, match=sentence) as caught:
                await box.mount(**mount)
            assert caught.value.status == 400


def _answer(option: str) -> dict[str, object]:
    return {"outcome": {"outcome": "selected", "optionId": option}}


@scenario
async def test_a_turn_that_has_its_end_gets_no_second_one_after_a_kill(home: Path) -> None:
    """Killed after the end was stored and before that was noted beside the devbox."""
    async with brokered(home) as box:
        await box.mount()
        ended = value((await box.turn("hello"))[-1])
        notes = box.devboxes.directory(box.devbox_id).parent / "broker-0.json"
        axon_id = box.axon_id
    turn = {"turn_id": ended["turn_id"], "event_sequence": ended["event_sequence"]}
    notes.write_text(json.dumps({"awake": False, "turn": turn}))
    async with brokered(home, axon_id=axon_id) as box:
        events = await box.until(lambda _: json.loads(notes.read_text())["turn"] is None)

    assert said(events, "turn.failed") == []


@scenario
async def test_a_damaged_note_beside_the_devbox_is_no_obstacle(home: Path) -> None:
    """At worst a turn stays open in the history; the agent must be reachable all the same."""
    async with brokered(home) as box:
        await box.mount()
        notes = box.devboxes.directory(box.devbox_id).parent / "broker-0.json"
        axon_id = box.axon_id
    notes.write_text("{broken")
    async with brokered(home, axon_id=axon_id) as box:
        events = await box.turn("hello")

    assert text_of(events) == "hello"


@scenario
async def test_an_event_wakes_a_suspended_devbox_and_its_agent(home: Path) -> None:
    """The running turn ends first; the prompt after it waits for the resume."""
    async with brokered(home) as box:
        await box.mount(lifecycle={"resume_triggers": {"axon_event": True}})
        await box.turn("before")
        first, second = await box.prompt("slow"), None
        await box.devboxes.suspend(box.devbox_id)
        second = await box.prompt("while it is suspending")
        events = await box.until_type("turn.completed", 3)
        status = box.devboxes.find(box.devbox_id).status

    states = [e.event_type for e in events if e.event_type.startswith("devbox.")]
    started = [value(e)["event_sequence"] for e in said(events, "turn.started")]
    assert states == ["devbox.running", "devbox.suspended", "devbox.running"]
    assert started[1:] == [first, second]
    assert text_of(events).endswith("while it is suspending")
    assert status == "running"


@scenario
async def test_without_the_trigger_a_prompt_waits_for_the_resume(home: Path) -> None:
    """Nothing starts behind the back of who suspended it."""
    async with brokered(home) as box:
        await box.mount()
        await box.devboxes.suspend(box.devbox_id)
        assert await box.devboxes.wait(box.devbox_id, statuses=["suspended"], hold=60)
        await box.prompt("waits")
        await asyncio.sleep(0)
        asleep = box.devboxes.find(box.devbox_id).status
        await box.devboxes.resume(box.devbox_id)
        events = await box.until_type("turn.completed")

    assert asleep == "suspended"
    assert text_of(events) == "waits"


@scenario
async def test_a_shutdown_of_a_suspended_devbox_leaves_nothing(home: Path) -> None:
    """Its broker waits for events that will not be answered any more."""
    async with brokered(home) as box:
        await box.mount()
        await box.devboxes.suspend(box.devbox_id)
        await box.devboxes.wait(box.devbox_id, statuses=["suspended"], hold=60)
        await box.prompt("waits")
        await box.devboxes.shutdown(box.devbox_id)
        events = await box.events()

    assert types(events)[-1] == "devbox.shutdown"
    assert not said(events, "turn.started")
