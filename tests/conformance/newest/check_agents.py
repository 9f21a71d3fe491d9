"""Today's agents from npm behind the broker: ``make conformance``, not part of the suite.

Claude Code, Codex and Pi run whole turns with a model that does as it is told; ACP agents go
as far as they go without an account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress

from .driving import LIMIT, Driven, content, environment, program
from .model_endpoint import serve

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as client:
        yield client


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with serve() as address:
        yield address


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def told(seen: list[Any], kind: str) -> list[str]:
    """The texts of a kind of event, one line each."""
    return [event.payload for event in seen if event.event_type == kind]


class Claude(Driven):
    """Claude Code, initialized."""

    def query(self, text: str) -> None:
        message = {"role": "user", "content": text}
        self.publish(
            "query",
            {"type": "user", "message": message, "parent_tool_use_id": None, "session_id": ""},
        )

    def control(self, number: str, subtype: str) -> None:
        body = {"request_id": number, "request": {"subtype": subtype, "hooks": None}}
        self.publish("control_request", {"type": "control_request", **body})

    def allow(self, **more: Any) -> dict[str, Any]:
        """Wait for a question; allow it with *more* in its input; return the question."""
        asked, _ = self.until("control_request")
        request: dict[str, Any] = asked["request"]
        decision = {"behavior": "allow", "updatedInput": {**request["input"], **more}}
        body = {"subtype": "success", "request_id": asked["request_id"], "response": decision}
        self.publish("control_response", {"type": "control_response", "response": body})
        return request


@pytest.fixture
def claude(client: an.Client, model: str, stack: ExitStack) -> Claude:
    variables = environment(ANTHROPIC_BASE_URL=model, ANTHROPIC_API_KEY="none")
    agent = Claude(client, "claude", protocol="claude_json", variables=variables)
    stack.enter_context(agent.devbox)
    agent.control("r1", "initialize")
    agent.until("control_response")
    return agent


def test_claude_code_runs_a_tool_with_permission(claude: Claude) -> None:
    """And it runs in the devbox's home."""
    claude.query("DO:run touch made && pwd")
    request = claude.allow()
    end, seen = claude.end()

    assert request["tool_name"] == "Bash"
    assert end == "end_turn"
    assert claude.made("made")
    assert any("result: " in text for text in told(seen, "assistant"))


def test_claude_code_asks_and_delegates(claude: Claude) -> None:
    """A question with choices; a subagent whose words come under its call."""
    claude.query("DO:ask")
    request = claude.allow(answers={"Which color?": "Blue"})
    asked, answered = claude.end()
    claude.query("DO:delegate say from below")
    delegated, below = claude.end()

    assert request["tool_name"] == "AskUserQuestion"
    assert (asked, delegated) == ("end_turn", "end_turn")
    assert any('=\\"Blue\\"' in text for text in told(answered, "user"))
    assert any("from below" in text for text in told(below, "user"))
    assert any('"parent_tool_use_id":"toolu' in text for text in told(below, "user"))


def test_claude_code_is_interrupted_and_goes_on(claude: Claude) -> None:
    """A turn that the model fails, one that is interrupted, one that works: each its own end."""
    claude.query("DO:fail")
    failed, _ = claude.end()
    claude.query("DO:wait")
    claude.until("system")
    claude.control("r2", "interrupt")
    interrupted, _ = claude.end()
    claude.query("DO:say again")
    again, seen = claude.end()
    [result] = [content(event) for event in seen if event.event_type == "result"]

    assert "the model was told to fail" in failed
    assert (interrupted, again) == ("cancelled", "end_turn")
    assert result["result"] == "again"


class Codex(Driven):
    """Codex's app-server, with a thread; nobody has initialized it but the broker."""

    thread = ""
    _number = 0

    def request(self, method: str, **params: Any) -> str:
        self._number += 1
        frame = {"id": f"c-{self._number}", "method": method, "params": params}
        self.publish(method, frame)
        return f"c-{self._number}"

    def turn(self, text: str) -> None:
        block = {"type": "text", "text": text, "text_elements": []}
        self.request("turn/start", threadId=self.thread, input=[block])


@pytest.fixture
def codex(client: an.Client, model: str, stack: ExitStack) -> Codex:
    provider = f'{{name="m",base_url="{model}/v1",wire_api="responses",env_key="MODEL_KEY"}}'
    settings = [f"model_providers.m={provider}", "model_provider=m", "model=told"]
    args = [word for setting in settings for word in ("-c", setting)]
    variables = environment(MODEL_KEY="none")
    agent = Codex(client, "codex", protocol="codex_json", args=args, variables=variables)
    stack.enter_context(agent.devbox)
    agent.request("thread/start", cwd="/home/user", approvalPolicy="untrusted")
    answer, _ = agent.until("response")
    agent.thread = answer["result"]["thread"]["id"]
    return agent


@pytest.mark.parametrize(("decision", "made"), [("accept", True), ("decline", False)])
def test_codex_runs_a_command_with_approval(codex: Codex, decision: str, made: bool) -> None:
    """Or does not run it; either way the turn goes on to its end."""
    codex.turn("DO:run touch made")
    asked, _ = codex.until("item/commandExecution/requestApproval")
    codex.publish("response", {"id": asked["id"], "result": {"decision": decision}})
    end, _ = codex.end()

    assert end == "end_turn"
    assert codex.made("made") is made


def test_codex_is_interrupted_and_goes_on(codex: Codex) -> None:
    """The broker fills in the turn that the client does not name."""
    codex.turn("DO:fail")
    failed, _ = codex.end()
    codex.turn("DO:wait")
    codex.until("item/agentMessage/delta")
    codex.request("turn/interrupt", threadId=codex.thread)
    interrupted, _ = codex.end()
    codex.turn("DO:say again")
    again, seen = codex.end()

    assert "the model was told to fail" in failed
    assert (interrupted, again) == ("cancelled", "end_turn")
    assert any('"text":"again"' in text for text in told(seen, "item/completed"))


class Pi(Driven):
    """Pi's RPC mode."""

    def turn(self, text: str) -> None:
        self.publish("turn/start", {"id": text, "type": "prompt", "message": text})


@pytest.fixture
def pi(client: an.Client, model: str, stack: ExitStack) -> Pi:
    provider = {"baseUrl": model, "api": "anthropic-messages", "apiKey": "none"}
    models = {"providers": {"m": {**provider, "models": [{"id": "told"}]}}}
    agent = Pi(
        client,
        "pi",
        protocol="pi_json",
        args=["--provider", "m", "--model", "told"],
        variables=environment(),
        files={".pi/agent/models.json": json.dumps(models)},
    )
    stack.enter_context(agent.devbox)
    return agent


def test_pi_runs_tools_fails_and_is_cancelled(pi: Pi) -> None:
    """It asks for no permission: it has none."""
    pi.publish("initialize", {})
    state, _ = pi.until("response")
    pi.turn("DO:run touch made")
    ran, _ = pi.end()
    pi.turn("DO:fail")
    failed, _ = pi.end()
    pi.turn("DO:wait")
    pi.until("message_update")
    pi.publish("cancel", {})
    cancelled, _ = pi.end()

    assert state["data"]["sessionId"]
    assert (ran, cancelled) == ("end_turn", "cancelled")
    assert pi.made("made")
    assert "the model was told to fail" in failed


@pytest.mark.parametrize(
    ("name", "args", "variables"),
    [
        ("gemini", ["--experimental-acp"], {"GEMINI_API_KEY": "none"}),
        ("opencode", ["acp"], {}),
        ("claude-agent-acp", [], {"ANTHROPIC_API_KEY": "none"}),
    ],
)
def test_an_acp_agent_gets_through_its_handshake(
    client: an.Client, name: str, args: list[str], variables: dict[str, str]
) -> None:
    """``initialize`` and ``session/new`` with our defaults; the folder is there for it."""
    with client.start_agent(
        program(name), args=args, environment=environment(**variables)
    ) as session:
        assert session.id


def test_an_acp_agent_names_its_logins(client: an.Client) -> None:
    """Where there is no account, the handshake ends there and says what would help."""
    with client.start_agent(
        program("gemini"), args=["--experimental-acp"], environment=environment()
    ) as session:
        answers = session.axon.execute(
            "SELECT payload FROM rl_axon_events WHERE event_type = 'initialize' AND origin = 2"
        ).rows
        methods = json.loads(answers[0][0])["authMethods"]

    assert "gemini-api-key" in [method["id"] for method in methods]


def test_claude_runs_a_whole_turn_through_its_acp_adapter(client: an.Client, model: str) -> None:
    """By the session, permission included."""
    variables = environment(ANTHROPIC_BASE_URL=model, ANTHROPIC_API_KEY="none")
    with client.start_agent(
        program("claude-agent-acp"), environment=variables, permissions="allow"
    ) as session:
        result = session.prompt("DO:run touch made").result(LIMIT)
        directory = session.devbox.info().directory

    assert result.stop_reason == "end_turn"
    assert "result:" in result.text
    assert directory
