"""Brokers of each protocol with an agent behind them: turns, questions, cancel, paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.local.brokers.broker import Timeouts
from axon_notebook.models import AxonEvent

from .brokered import AGENTS, Brokered, brokered, said, text_of, value
from .scenario import scenario

HERE = Path(__file__).parent
CODEX, PI = str(HERE / "codex_peer.py"), str(HERE / "pi_peer.py")
CLAUDE = str(AGENTS / "claude_peer.py")
SOON = Timeouts(unknown=0.2)


async def codex(box: Brokered, method: str, number: str, **params: Any) -> int:
    return await box.say(method, {"id": number, "method": method, "params": params})


async def codex_turn(box: Brokered, thread: str, text: str) -> None:
    block = {"type": "text", "text": text, "text_elements": []}
    await codex(box, "turn/start", text, threadId=thread, input=[block])


async def pi_turn(box: Brokered, text: str) -> None:
    await box.say("turn/start", {"id": text, "type": "prompt", "message": text})


def on_disk(box: Brokered, path: str) -> Path:
    """Where the directory is that the agent was given as *path*."""
    return Path(box.devboxes.paths(box.devboxes.find(box.devbox_id)).on_disk(path))


def ends(events: list[AxonEvent]) -> list[Any]:
    """The stop reason of each turn, or its error."""
    ended = [e for e in events if e.event_type in ("turn.completed", "turn.failed")]
    return [value(e).get("error") or value(e).get("stop_reason") for e in ended]


async def until_ends(box: Brokered, count: int) -> list[AxonEvent]:
    return await box.until(lambda events: len(ends(events)) >= count)


def codex_said(events: list[AxonEvent]) -> list[str]:
    return [value(e)["params"]["item"]["text"] for e in said(events, "item/completed")]


@pytest.mark.parametrize("protocol", ["codex_json", "codex"])
@scenario
async def test_codex_runs_turns_asks_and_is_interrupted(home: Path, protocol: str) -> None:
    """With the frames that Runloop's SDK publishes."""
    async with brokered(home, timeouts=SOON) as box:
        await box.mount(protocol=protocol, launch_args=[CODEX])
        await codex(box, "initialize", "1", clientInfo={"name": "n", "version": "1"})
        await box.say("initialized", {"method": "initialized"})
        await codex(box, "thread/start", "2", cwd="/home/user/w")
        events = await box.until_type("response", 2)
        started = value(said(events, "response")[1])["result"]
        thread, directory = started["thread"]["id"], on_disk(box, started["cwd"])
        for text in ("hello", "child", "fail", "vendor"):
            await codex_turn(box, thread, text)
        await codex_turn(box, thread, "approve")
        events = await box.until_type("item/commandExecution/requestApproval")
        asked = value(said(events, "item/commandExecution/requestApproval")[0])
        await box.say("response", {"id": asked["id"], "result": {"decision": "accept"}})
        await codex_turn(box, thread, "wait")
        await box.until_type("turn.started", 6)
        await codex(box, "turn/interrupt", "9", threadId=thread)
        events = await until_ends(box, 6)

    assert directory == box.devboxes.directory(box.devbox_id) / "w"
    assert ends(events) == [
        "end_turn",
        "end_turn",
        "usage limit reached",
        "end_turn",
        "end_turn",
        "cancelled",
    ]
    assert codex_said(events) == ["hello", "after the child", "-32601", "accept"]
    assert "no answer to vendor/question" in value(said(events, "agent.error")[0])["message"]


@scenario
async def test_codex_is_initialized_and_its_thread_resumed_after_a_restart(home: Path) -> None:
    """The client goes on with its thread as if nothing had happened."""
    async with brokered(home) as box:
        await box.mount(protocol="codex_json", launch_args=[CODEX])
        await codex(box, "thread/start", "1", cwd="/w")
        events = await box.until_type("response")
        thread = value(said(events, "response")[0])["result"]["thread"]["id"]
        axon_id = box.axon_id
    async with brokered(home, axon_id=axon_id) as box:
        await codex_turn(box, thread, "again")
        events = await until_ends(box, 1)

    assert ends(events) == ["end_turn"]
    assert codex_said(events) == ["again"]


@pytest.mark.parametrize("protocol", ["pi_json", "pi"])
@scenario
async def test_pi_runs_turns_asks_and_is_cancelled(home: Path, protocol: str) -> None:
    """With the frames that Runloop's SDK publishes; a webhook on the same axon is not Pi's."""
    async with brokered(home, timeouts=SOON) as box:
        await box.mount(protocol=protocol, launch_args=[PI])
        await box.say("initialize", {})
        await box.say("github.push", {"type": "push"}, origin="EXTERNAL_EVENT")
        for text in ("hello", "retry", "refuse", "handled", "hologram"):
            await pi_turn(box, text)
        await pi_turn(box, "dialog")
        await box.until_type("extension_ui_request", 2)
        await box.say(
            "extension_ui_response",
            {"type": "extension_ui_response", "id": "d1", "confirmed": True},
        )
        await pi_turn(box, "wait")
        await box.until_type("turn.started", 7)
        await box.say("cancel", {})
        events = await until_ends(box, 7)

    texts = [
        block["text"]
        for e in said(events, "message_end")
        for block in value(e)["message"]["content"]
        if block["text"]
    ]
    assert value(said(events, "response")[0])["data"] == {"sessionId": "pi-1"}
    assert ends(events) == ["end_turn"] * 2 + ["no model selected"] + ["end_turn"] * 3 + [
        "cancelled"
    ]
    assert texts == ["hello", "second", "True", "True"]


@pytest.mark.parametrize("protocol", ["claude_json", "claude"])
@scenario
async def test_claude_has_two_names(home: Path, protocol: str) -> None:
    """Runloop's, and the one that people use."""
    async with brokered(home) as box:
        await box.mount(protocol=protocol, launch_args=[CLAUDE])
        await box.say("query", {"type": "user", "message": {"role": "user", "content": "hi"}})
        events = await until_ends(box, 1)

    assert value(said(events, "result")[0])["result"] == "You said: hi"


@scenario
async def test_an_acp_request_that_nobody_knows_is_refused_in_time(home: Path) -> None:
    """It stands on the axon, the agent gets an error, and the history says why."""
    async with brokered(home, timeouts=SOON) as box:
        await box.mount()
        events = await box.turn("vendor")

    assert [value(e)["title"] for e in said(events, "cursor/ask_question")] == ["Which one?"]
    assert text_of(events) == "-32601"
    [refused] = [value(e) for e in said(events, "agent.error")]
    assert refused["type"] == "unanswered"
    assert "no answer to cursor/ask_question for 0.2 s" in refused["message"]


@scenario
async def test_a_form_that_was_cancelled_does_not_keep_back_the_next(home: Path) -> None:
    """The first turn is cancelled while it asks; the second one's question is answered."""
    async with brokered(home) as box:
        await box.mount()
        await box.prompt("form")
        await box.until_type("elicitation/create")
        await box.say("session/cancel", {"sessionId": "s"})
        await until_ends(box, 1)
        await box.prompt("form")
        await box.until_type("elicitation/create", 2)
        await box.say("elicitation/create", {"action": "accept", "content": {"region": "eu"}})
        events = await until_ends(box, 2)

    assert ends(events) == ["cancelled", "end_turn"]
    assert text_of(events) == "cancel accept"


@scenario
async def test_the_home_of_a_session_is_the_devbox_directory(home: Path) -> None:
    """As in every example of Runloop; another folder stays what it is."""
    async with brokered(home) as box:
        await box.mount()
        await box.say("session/new", {"cwd": "/home/user/w", "mcpServers": []})
        await box.say("session/load", {"cwd": "/srv", "sessionId": "s", "mcpServers": []})
        events = await box.until_type("session/load")
        given = value(said(events, "session/new")[0])["_meta"]["cwd"]

        assert on_disk(box, given) == box.devboxes.directory(box.devbox_id) / "w"
    assert value(said(events, "session/load")[0])["_meta"] == {"cwd": "/srv"}


@pytest.mark.parametrize("variables", [{}, {"PATH": "/usr/bin:/bin"}])
@scenario
async def test_an_agent_in_the_devboxs_local_bin_is_found(
    home: Path, variables: dict[str, str]
) -> None:
    """Where installers put it that run as a launch command, whatever ``PATH`` was asked for."""
    agent = f"#!/bin/sh\nexec {sys.executable} {AGENTS / 'acp_peer.py'}\n"
    install = f"mkdir -p ~/.local/bin && printf '{agent}' > ~/.local/bin/my-agent"
    async with brokered(home) as box:
        await box.mount(
            agent_binary="my-agent",
            launch_args=[],
            variables=variables,
            launch=[f"{install} && chmod +x ~/.local/bin/my-agent"],
        )
        events = await box.turn("installed")

    assert text_of(events) == "installed"
