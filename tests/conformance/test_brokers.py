"""Runloop's own Python SDK, unmodified, against an agent behind a broker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import runloop_api_client
from runloop_api_client import Runloop
from runloop_api_client.types import AxonEventView, AxonView

CLAUDE_PEER = str(Path(__file__).parents[1] / "agents" / "claude_peer.py")


@pytest.fixture
def broker(client: Runloop, axon: AxonView) -> Iterator[Any]:
    """Create a devbox with a broker mount on the axon; shut it down after the test."""
    boxes = []

    def broker(**mount: Any) -> Any:
        box = client.devboxes.create_and_await_running(
            mounts=[{"type": "broker_mount", "axon_id": axon.id, **mount}]  # type: ignore[list-item]
        )
        boxes.append(box)
        return box

    yield broker
    for box in boxes:
        client.devboxes.shutdown(box.id)


def say(client: Runloop, axon: AxonView, event_type: str, payload: Any) -> None:
    client.axons.publish(
        axon.id,
        event_type=event_type,
        origin="USER_EVENT",
        payload=json.dumps(payload),
        source="example",
    )


def until(events: Iterator[AxonEventView], event_type: str, origin: str) -> list[AxonEventView]:
    """Read on to the first event of this type and origin, that included."""
    seen = []
    for event in events:
        seen.append(event)
        if (event.event_type, event.origin) == (event_type, origin):
            return seen
    raise AssertionError(f"the stream ended before {event_type}")


def test_the_acp_flow_works_with_the_sdk_alone(
    client: Runloop, axon: AxonView, broker: Any
) -> None:
    """Subscribe, initialize, session/new, session/prompt, read until turn.completed."""
    broker(
        protocol="acp",
        agent_binary="axon-notebook-demo-agent",
        launch_args=[],
        working_directory="/home/user",
    )
    with client.axons.subscribe_sse(axon.id) as stream:
        events = iter(stream)
        say(
            client,
            axon,
            "initialize",
            {"protocolVersion": 1, "clientInfo": {"name": "example", "version": "1.0.0"}},
        )
        say(client, axon, "session/new", {"cwd": "/home/user", "mcpServers": []})
        session = json.loads(until(events, "session/new", "AGENT_EVENT")[-1].payload)
        prompt = [{"type": "text", "text": "files"}]
        say(client, axon, "session/prompt", {"sessionId": session["sessionId"], "prompt": prompt})
        seen = until(events, "turn.completed", "SYSTEM_EVENT")

    updates = [json.loads(e.payload)["update"] for e in seen if e.event_type == "session/update"]
    text = "".join(
        update["content"]["text"]
        for update in updates
        if update["sessionUpdate"] == "agent_message_chunk"
    )
    turn = json.loads(seen[-1].payload)
    types = [e.event_type for e in seen if e.origin != "USER_EVENT"]
    assert text == "There are 0 entries."
    assert turn["stop_reason"] == "end_turn"
    assert types[-2:] == ["session/prompt", "turn.completed"]
    assert types.count("turn.started") == 1
    assert json.loads(seen[-2].payload) == {"stopReason": "end_turn"}


def test_the_claude_flow_works_with_the_sdk_alone(
    client: Runloop, axon: AxonView, broker: Any
) -> None:
    """control_request initialize, query, messages until result."""
    broker(protocol="claude_json", agent_binary=sys.executable, launch_args=[CLAUDE_PEER])
    with client.axons.subscribe_sse(axon.id) as stream:
        events = iter(stream)
        request = {"subtype": "initialize"}
        say(
            client,
            axon,
            "control_request",
            {"type": "control_request", "request_id": "req_1", "request": request},
        )
        ready = json.loads(until(events, "control_response", "AGENT_EVENT")[-1].payload)
        say(
            client,
            axon,
            "query",
            {
                "type": "user",
                "message": {"role": "user", "content": "hello"},
                "parent_tool_use_id": None,
                "session_id": axon.id,
            },
        )
        seen = until(events, "turn.completed", "SYSTEM_EVENT")

    types = [event.event_type for event in seen if event.origin != "USER_EVENT"]
    assert ready["response"] == {
        "subtype": "success",
        "request_id": "req_1",
        "response": {"commands": []},
    }
    assert types == [
        "turn.started",
        "system",
        "stream_event",
        "stream_event",
        "assistant",
        "result",
        "turn.completed",
    ]
    assert json.loads(seen[-2].payload)["result"] == "You said: hello"


def test_an_unknown_protocol_is_refused_in_a_sentence(broker: Any) -> None:
    """Better than a devbox whose agent never answers."""
    with pytest.raises(runloop_api_client.BadRequestError) as caught:
        broker(protocol="pigeon_json", agent_binary="codex")

    assert "'pigeon_json' is not one of acp, claude_json, codex_json, pi_json" in str(caught.value)


def test_a_missing_binary_fails_the_devbox_and_tells_the_axon(
    client: Runloop, axon: AxonView, broker: Any
) -> None:
    """Anyone who waits at either end learns why."""
    with pytest.raises(runloop_api_client.RunloopError):
        broker(protocol="acp", agent_binary="no-such-agent")
    events = client.axons.events.list(axon.id).events

    assert [event.event_type for event in events] == ["broker.error", "devbox.failed"]
    assert "no-such-agent is not on the PATH" in json.loads(events[0].payload)["message"]
