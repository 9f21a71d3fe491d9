"""What a broker makes of agents that misbehave, and of its own end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from axon_notebook.local.brokers.agent_process import LineSplitter
from axon_notebook.local.brokers.broker import Timeouts
from axon_notebook.local.brokers.dialect import LINE_LIMIT
from axon_notebook.local.devboxes.devboxes import CreateDevbox
from axon_notebook.local.devboxes.processes import marked_processes
from axon_notebook.local.process.launcher import ensure_service
from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.commit import Draft

from ..waiting import until
from .brokered import AGENTS, PEER, Brokered, brokered, said, text_of, types, value
from .scenario import scenario

FEW = Timeouts(answer=0.3, cancel=0.3)


@pytest.mark.parametrize(("word", "how"), [("exit 3", "exit status 3"), ("orphan", "signal 9")])
@scenario
async def test_an_agent_that_dies_fails_its_turn_and_those_that_wait(
    home: Path, word: str, how: str
) -> None:
    """Everybody hears why, and nobody waits for an answer that cannot come."""
    async with brokered(home) as box:
        await box.mount()
        first = await box.prompt(word)
        second = await box.prompt("never heard")
        events = await box.until_type("turn.failed", 2)
        record = box.devboxes.find(box.devbox_id)

    failures = [value(event) for event in said(events, "turn.failed")]
    assert [failure["event_sequence"] for failure in failures] == [first, second]
    assert all(how in failure["error"] for failure in failures)
    assert how in value(said(events, "broker.error")[0])["message"]
    assert record.status == "running", "the devbox itself is well"


@scenario
async def test_what_an_agent_said_before_its_death_is_kept(home: Path) -> None:
    """The last words are often the reason."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn("orphan")

    assert text_of(events) == "last words"
    assert types(events).index("session/update") < types(events).index("turn.failed")


@scenario
async def test_a_devbox_with_a_dead_agent_gives_way_to_a_new_one(home: Path) -> None:
    """The message says: create a new devbox; so that must work."""
    async with brokered(home) as box:
        await box.mount()
        await box.turn("exit 1")
        await box.until_type("broker.error")
        await box.mount()
        events = await box.turn("hello")

    assert types(events) == ["turn.started", "session/update", "session/prompt", "turn.completed"]


@scenario
async def test_a_missing_binary_is_told_to_the_axon_and_fails_the_devbox(home: Path) -> None:
    """And anyone who prompts all the same gets a failed turn at once."""
    async with brokered(home) as box:
        await box.mount(agent_binary="no-such-agent", status="failure")
        events = await box.turn("hello")
        everything = await box.events()

    assert (
        "no-such-agent is not on the PATH of the devbox"
        in value(said(everything, "broker.error")[0])["message"]
    )
    assert types(everything)[:2] == ["devbox.failed", "broker.error"]
    assert types(events) == ["turn.started", "session/prompt", "turn.failed"]


@scenario
async def test_a_binary_may_be_a_path_or_installed_by_a_launch_command(home: Path) -> None:
    """As in Runloop's examples, which install their agent first."""
    agent = f"#!/bin/sh\nexec {sys.executable} {PEER}\n"
    async with brokered(home) as box:
        mount = {"type": "broker_mount", "axon_id": box.axon_id, "agent_binary": "./bin/agent"}
        record = await box.devboxes.create(
            CreateDevbox(
                mounts=[mount],
                file_mounts={"agent.sh": agent},
                launch_parameters={
                    "launch_commands": ["mkdir bin && cp agent.sh bin/agent && chmod +x bin/agent"]
                },
            )
        )
        await box.devboxes.wait(record.id, statuses=["running"], hold=20)
        events = await box.turn("installed")

    assert text_of(events) == "installed"


@scenario
async def test_garbage_on_stdout_is_logged_and_the_turn_goes_on(home: Path) -> None:
    """Banners, broken JSON, bytes that are not text, answers to nothing, half a character."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn("garbage")

    logs = [value(event) for event in said(events, "agent.log")]
    assert [log["log_type"] for log in logs] == ["stdout"] * 4
    assert "Welcome to the agent!" in logs[0]["message"]
    assert "[1, 2" in logs[1]["message"]
    assert "\ufffd\ufffd" in logs[2]["message"]
    assert "an answer to no request" in logs[3]["message"]
    assert text_of(events) == "half ?"
    assert types(events)[-1] == "turn.completed"


@scenario
async def test_stderr_becomes_the_agents_log(home: Path) -> None:
    """One event per line."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn("log")

    logs = [value(event) for event in said(events, "agent.log")]
    assert logs == [{"log_type": "stderr", "message": text} for text in ("first", "second")]


@scenario
async def test_a_line_of_almost_4_mib_comes_through_and_a_longer_one_is_reported(
    home: Path,
) -> None:
    """The turn survives the loss of an update."""
    async with brokered(home) as box:
        await box.mount()
        fits = await box.turn(f"big {LINE_LIMIT - 200}")
        too_long = await box.turn(f"big {LINE_LIMIT}")

    assert len(text_of(fits)) == LINE_LIMIT - 200
    assert types(too_long) == ["turn.started", "agent.log", "session/prompt", "turn.completed"]
    assert "more than the 4 MiB" in value(said(too_long, "agent.log")[0])["message"]


@scenario
async def test_an_answer_of_more_than_4_mib_fails_its_turn(home: Path) -> None:
    """Its id is in the part that was kept, so nobody waits for ever."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn(f"biganswer {LINE_LIMIT}")
        after = await box.turn("still there")

    assert "more than the 4 MiB" in value(events[-1])["error"]
    assert text_of(after) == "still there"


@scenario
async def test_a_prompt_of_4_mib_reaches_the_agent(home: Path) -> None:
    """The largest event there can be, through a pipe of 64 KiB."""
    async with brokered(home) as box:
        await box.mount()
        size = LINE_LIMIT - 100
        events = await box.turn("x" * (size - 100) + " end")

    assert len(text_of(events)) == size - 96


@scenario
async def test_an_agent_that_does_not_read_is_reported_and_can_be_given_up(home: Path) -> None:
    """It shows in the history, cancel still works, and the next turn is not stuck behind it."""
    async with brokered(home, timeouts=FEW) as box:
        await box.mount("--deaf")
        await box.prompt("x" * 1_000_000)
        stalled = await box.until_type("agent.error")
        await box.say("session/cancel", {"sessionId": "s"})
        events = await box.until_type("turn.failed")

    complaint = value(said(stalled, "agent.error")[0])
    assert complaint["type"] == "stalled"
    assert "has not read its input for 0.3 s" in complaint["message"]
    assert "after its cancel" in value(said(events, "turn.failed")[0])["error"]


@scenario
async def test_what_waits_for_an_agent_that_does_not_read_is_bounded(home: Path) -> None:
    """Each further prompt fails with the number of bytes that wait."""
    async with brokered(home, timeouts=FEW) as box:
        await box.mount("--deaf")
        for turn in range(1, 5):
            await box.prompt("x" * 4_000_000)
            await box.until_type("turn.started", turn)
            await box.say("session/cancel", {"sessionId": "s"})
            events = await box.until_type("turn.failed", turn)

    errors = [value(event)["error"] for event in said(events, "turn.failed")]
    assert "does not read: " in errors[-1]


@scenario
async def test_an_agent_that_never_answers_initialize_is_reported(home: Path) -> None:
    """What follows is told to it all the same."""
    async with brokered(home, timeouts=FEW) as box:
        await box.mount("--mute")
        await box.say("initialize", {"protocolVersion": 1})
        await box.prompt("hello")
        events = await box.until_type("turn.started")

    assert "answered initialize for 0.3 s" in value(said(events, "agent.error")[0])["message"]


@scenario
async def test_an_agent_that_closes_its_output_is_ended(home: Path) -> None:
    """It can say nothing any more."""
    async with brokered(home) as box:
        await box.mount()
        events = await box.turn("hangup")

    assert "closed its output" in value(said(events, "turn.failed")[0])["error"]


@scenario
async def test_a_devbox_outlives_its_axon_and_ends_as_any_other(home: Path) -> None:
    """There is nobody left to be told, and that is no reason to fail."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("wait")
        await box.until_type("session/update")
        await box.store.delete_axon(box.axon_id)
        await box.devboxes.shutdown(box.devbox_id)

        assert await gone(box.devbox_id)
        assert not box.brokers.busy


@scenario
async def test_a_full_disk_ends_the_agent(home: Path) -> None:
    """What it does could not be recorded; and a broker that stopped is not busy."""
    async with brokered(home) as box:
        await box.mount()
        await box.turn("hello")
        [bridge] = box.brokers._bridges[box.axon_id].values()

        async def full(drafts: list[Draft]) -> list[int]:
            raise Refusal(507, "Storage is full.")

        bridge._store = full
        await box.prompt("more")

        assert await gone(box.devbox_id)
        assert "Storage is full" in bridge.over
        assert not box.brokers.busy


@pytest.mark.parametrize("rounds", [0, 1, 5, 50])
@scenario
async def test_a_devbox_can_be_shut_down_while_its_agent_starts(home: Path, rounds: int) -> None:
    """At whatever moment: no process and no task is left."""
    async with brokered(home) as box:
        creating = asyncio.create_task(box.mount())
        while not box.devbox_id:
            await asyncio.sleep(0)
        for _ in range(rounds):
            await asyncio.sleep(0)
        await box.devboxes.shutdown(box.devbox_id)
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)

        assert await gone(box.devbox_id)
        assert not box.brokers.busy


@pytest.mark.parametrize("end", ["shutdown", "close"])
@scenario
async def test_no_process_is_left(home: Path, end: str) -> None:
    """Not the agent, not what it started; and the running turn is closed in the history."""
    async with brokered(home) as box:
        await box.mount()
        child = int(text_of(await box.turn("child")))
        await box.prompt("wait")
        await box.until_type("session/update", 2)
        if end == "shutdown":
            await box.devboxes.shutdown(box.devbox_id)
        else:
            await box.brokers.close()
        events = await box.events()

        assert not alive(child)
        assert await gone(box.devbox_id)
    state = "devbox.shutdown" if end == "shutdown" else "devbox.suspended"
    assert types(events)[-2:] == ["turn.failed", state]


@pytest.mark.parametrize("word", ["wait", "deafwait"])
def test_kill_nine_in_mid_turn_leaves_a_readable_history(
    home: Path, wire_to: Callable[[Any], Any], word: str
) -> None:
    """The next service closes the turn, ends the agent, and sleeps until it is spoken to."""
    address = ensure_service(home)
    wire = wire_to(address)
    axon_id = wire.create("crash")
    mount = {"type": "broker_mount", "axon_id": axon_id, "protocol": "acp"}
    mount |= {"agent_binary": sys.executable, "launch_args": [PEER]}
    body = json.dumps({"mounts": [mount]}).encode()
    box = wire.ask("POST", "/v1/devboxes/create_and_await_running", body=body).json
    prompt = {"sessionId": "s", "prompt": [{"type": "text", "text": word}]}
    wire.publish(axon_id, json.dumps(prompt), event_type="session/prompt")
    history(wire, axon_id, "turn.started")
    os.kill(address.pid, signal.SIGKILL)

    wire = wire_to(ensure_service(home))
    events = history(wire, axon_id, "devbox.suspended")
    wire.publish(
        axon_id,
        json.dumps(prompt | {"prompt": [{"type": "text", "text": "again"}]}),
        event_type="session/prompt",
    )
    after = history(wire, axon_id, "turn.completed")

    ended = [json.loads(e["payload"]) for e in events if e["event_type"] == "turn.failed"]
    started = [json.loads(e["payload"]) for e in after if e["event_type"] == "turn.started"]
    assert [turn["error"] for turn in ended] == ["the service ended during the turn"]
    assert ended[0]["turn_id"] == started[0]["turn_id"]
    assert len(started) == 2, "the old prompt was not given to the new agent"
    assert len(list(marked_processes({box["id"]}))) == 1


def test_lines_are_cut_however_the_bytes_arrive() -> None:
    """And a line without an end keeps no memory."""
    data = b"one\n\n\ntwo two\r\n" + b"x" * 50 + b"\nlast"
    for size in (1, 2, 3, 7, 100):
        splitter = LineSplitter(limit=20)
        lines = [
            line for i in range(0, len(data), size) for line in splitter.feed(data[i : i + size])
        ]
        lines += splitter.end()

        assert [line.size for line in lines] == [3, 8, 50, 4]
        assert [line.oversized for line in lines] == [False, False, True, False]
        assert lines[1].data == b"two two\r"


@scenario
async def test_claudes_agent_asks_and_is_interrupted_through_the_axon(home: Path) -> None:
    """Control messages pass during a turn; an interrupted turn is not a failed one."""
    async with brokered(home) as box:
        await box.mount(protocol="claude_json", launch_args=[str(AGENTS / "claude_peer.py")])
        await query(box, "tool")
        asked = await box.until_type("control_request")
        request = value(said(asked, "control_request")[0])
        decision = {"behavior": "allow", "updatedInput": request["request"]["input"]}
        body = {"subtype": "success", "request_id": request["request_id"], "response": decision}
        await box.say("control_response", {"type": "control_response", "response": body})
        await query(box, "wait")
        await query(box, "fail")
        await query(box, "boom")
        await box.until_type("turn.started", 2)
        interrupt = {"request_id": "i1", "request": {"subtype": "interrupt"}}
        await box.say("control_request", {"type": "control_request", **interrupt})
        events = await box.until_type("broker.error")

    ends = [e for e in events if e.event_type in ("turn.completed", "turn.failed")]
    assert [value(e).get("stop_reason") for e in ends[:3]] == [
        "end_turn",
        "cancelled",
        "error_during_execution",
    ]
    assert value(ends[2])["error"] == "it failed"
    assert "exit status 9" in value(ends[3])["error"]
    assert value(said(events, "result")[0])["result"] == "ran ls"


async def query(box: Brokered, text: str) -> None:
    message = {"role": "user", "content": text}
    await box.say("query", {"type": "user", "message": message, "session_id": "s"})


def alive(pid: int) -> bool:
    """Whether the process does something still; a container may keep its remains."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def gone(devbox_id: str) -> bool:
    """Wait until no process of the devbox is left."""
    await until(lambda: not list(marked_processes({devbox_id})))
    return True


def history(wire: Any, axon_id: str, event_type: str) -> list[Any]:
    """Read the history, oldest first, once it has this type."""
    for _ in range(5000):
        events: list[Any] = wire.ask("GET", f"/v1/axons/{axon_id}/events?limit=500").json["events"]
        if any(event["event_type"] == event_type for event in events):
            return events[::-1]
        time.sleep(0.02)
    raise AssertionError(f"no {event_type} in {[event['event_type'] for event in events]}")
