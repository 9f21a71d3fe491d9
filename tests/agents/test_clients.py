"""What clients publish: prompts, answers, refusals, switches, in each protocol's form."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.agents.acp_client import AcpClient
from axon_notebook.agents.claude_client import ClaudeClient
from axon_notebook.agents.codex_client import CodexClient
from axon_notebook.agents.model import Question
from axon_notebook.agents.parts import Choice, Field, Image, Option, Setting, Text
from axon_notebook.agents.pi_client import PiClient
from axon_notebook.agents.replies import Reply, reply_to
from axon_notebook.agents.trace import Trace
from axon_notebook.errors import AgentError

from .events import Script

PICTURE = Image("image/png", "iVBO")


def question_of(protocol: str, kind: str, payload: Any) -> Question:
    """Return the question that an event of the agent is."""
    trace = Trace(protocol)
    trace.feed(Script().agent(kind, payload))
    [question] = trace.open_questions
    return question


def test_prompts_carry_pictures_in_each_protocols_form() -> None:
    """And are read back as they were built."""
    parts = [Text("look"), PICTURE]
    for client, protocol in (
        (AcpClient(), "acp"),
        (ClaudeClient(), "claude"),
        (CodexClient(), "codex"),
        (PiClient(), "pi"),
    ):
        kind, payload = client.prompt("s", parts)  # type: ignore[attr-defined]
        trace = Trace(protocol)
        trace.feed(Script().user(kind, payload))
        [turn] = [entry for entry in trace.entries if entry.kind == "turn"]
        assert (turn.text, turn.parts) == ("look", [PICTURE])


def test_an_elicitation_of_the_old_name_gets_a_nested_answer() -> None:
    """Agents of 2025 use it."""
    schema = {"properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    payload = {"message": "Sure?", "requestedSchema": schema}
    old = question_of("acp", "session/elicitation", payload)
    new = question_of("acp", "elicitation/create", payload)
    accept = Reply("accept", values={"a": True})

    kind, answer = AcpClient().answer(old, accept)
    assert (kind, answer["action"]) == (
        "session/elicitation",
        {"action": "accept", "content": {"a": True}},
    )
    kind, answer = AcpClient().answer(new, Reply("decline"))
    assert (kind, answer["action"]) == ("elicitation/create", "decline")
    assert answer["_meta"] == {"runloop.dev/elicitation": {"id": "rl-seq-1"}}


def test_an_address_is_shown_and_opened_by_nobody() -> None:
    """The answer says that a person has agreed."""
    payload = {"mode": "url", "url": "https://example.com/x", "elicitationId": "e", "message": "m"}
    question = question_of("acp", "elicitation/create", payload)

    assert (question.question_kind, question.url) == ("url", "https://example.com/x")
    assert AcpClient().answer(question, reply_to(question, True))[1]["action"] == "accept"
    assert AcpClient().answer(question, reply_to(question, None))[1]["action"] == "cancel"


def test_several_choices_are_joined_as_claude_takes_them_apart() -> None:
    """An item with a comma is quoted."""
    asked = {"question": "Which?", "multiSelect": True, "options": [{"label": "a"}, {"label": "b"}]}
    request = {"subtype": "can_use_tool", "tool_name": "AskUserQuestion"}
    request["input"] = {"questions": [asked]}  # type: ignore[assignment]
    question = question_of("claude", "control_request", {"request_id": "r", "request": request})
    answer = ClaudeClient().answer(question, reply_to(question, ["a", "b", "c, d"]))[1]

    decision = answer["response"]["response"]  # type: ignore[index]
    assert decision["updatedInput"]["answers"] == {"Which?": 'a, b, "c, d"'}
    assert decision["updatedInput"]["questions"] == [asked]
    denied = ClaudeClient().answer(question, reply_to(question, False))[1]
    assert denied["response"]["response"]["behavior"] == "deny"  # type: ignore[index]


def test_always_returns_the_suggested_rules_unchanged() -> None:
    """No suggestion, no such button."""
    rule = {"type": "addRules", "rules": [{"toolName": "Bash"}], "destination": "session"}
    request: dict[str, Any] = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"x": 1}}
    plain = question_of("claude", "control_request", {"request_id": "r", "request": request})
    request["permission_suggestions"] = [rule]
    ruled = question_of("claude", "control_request", {"request_id": "r", "request": request})
    answer = ClaudeClient().answer(ruled, reply_to(ruled, "always"))[1]

    assert [option.id for option in plain.options] == ["allow", "reject"]
    assert answer["response"]["response"] == {  # type: ignore[index]
        "behavior": "allow",
        "updatedInput": {"x": 1},
        "updatedPermissions": [rule],
    }


def test_codex_decisions_keep_their_form() -> None:
    """The id's JSON type, and an amendment that is an object."""
    amendment = {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["touch", "z"]}}
    params = {"itemId": "i", "command": "touch z", "availableDecisions": ["accept", amendment]}
    method = "item/commandExecution/requestApproval"
    question = question_of("codex", method, {"id": 0, "method": method, "params": params})

    assert [option.name for option in question.options] == [
        "Allow",
        "Always allow touch z",
        "Reject",
    ]
    kind, answer = CodexClient().answer(question, reply_to(question, question.options[1]))
    assert (kind, answer) == ("response", {"id": 0, "result": {"decision": amendment}})
    secret = {"id": "k", "question": "Key?", "isSecret": True, "options": None}
    method = "item/tool/requestUserInput"
    asked = question_of(
        "codex", method, {"id": "x", "method": method, "params": {"questions": [secret]}}
    )
    with pytest.raises(AgentError, match="is secret, and an answer is a durable event"):
        reply_to(asked, "sk-1")
    reply = reply_to(asked, "sk-1", confirm_secrets=True)
    assert CodexClient().answer(asked, reply)[1]["result"] == {
        "answers": {"k": {"answers": ["sk-1"]}}
    }


def test_dialogs_of_pi_are_answered_by_value_or_by_yes() -> None:
    """Or they are cancelled."""
    choice = {"type": "extension_ui_request", "id": "d", "method": "select", "options": ["a", "b"]}
    question = question_of("pi", "extension_ui_request", choice)
    kind, answer = PiClient().answer(question, reply_to(question, "b"))

    assert (kind, answer["value"]) == ("extension_ui_response", "b")
    assert PiClient().answer(question, reply_to(question, None))[1]["cancelled"] is True
    confirm = {**choice, "method": "confirm", "title": "Sure?"}
    yes = question_of("pi", "extension_ui_request", confirm)
    assert PiClient().answer(yes, reply_to(yes, True))[1]["confirmed"] is True


def test_only_requests_that_nobody_knows_are_refused() -> None:
    """Not questions, not answers, not notifications, not errors."""
    script, acp, claude, codex = Script(), AcpClient(), ClaudeClient(), CodexClient()
    refused = acp.refusal(script.agent("cursor/ask", {}), {})
    assert refused is not None
    assert (refused[0], refused[1]["code"]) == ("cursor/ask", -32601)
    envelope = {"jsonrpc": "2.0", "id": 7, "method": "_x/y", "params": {}}
    answer = acp.refusal(script.agent("_x/y", envelope), envelope)
    assert answer is not None
    assert answer[1]["id"] == 7
    for kind, payload in (
        ("session/update", {}),
        ("session/request_permission", {}),
        ("elicitation/create", {}),
        ("initialize", {}),
        ("_x/y", {"code": -32601, "message": "no"}),
        ("_kiro.dev/metadata", {}),
        ("_x/y", {"jsonrpc": "2.0", "method": "_x/y"}),
    ):
        assert acp.refusal(script.agent(kind, payload), payload) is None, kind
    hook = {"request_id": "r", "request": {"subtype": "hook_callback"}}
    tool = {"request_id": "r", "request": {"subtype": "can_use_tool"}}
    assert claude.refusal(script.agent("control_request", hook), hook) is not None
    assert claude.refusal(script.agent("control_request", tool), tool) is None
    frame = {"id": 3, "method": "attestation/generate", "params": {}}
    assert codex.refusal(script.agent("attestation/generate", frame), frame) == (
        "response",
        {"id": 3, "error": {"code": -32601, "message": "method not found: attestation/generate"}},
    )


def test_modes_and_models_are_switched_as_the_agent_offers_them() -> None:
    """By config options, or by the older methods."""
    client = AcpClient()
    old = client.switch("s", Setting("", "Mode", "mode"), "plan")
    new = client.switch("s", Setting("mode", "Mode", "mode"), "plan")
    flag = client.switch("s", Setting("fast", "Fast", "", "boolean"), True)

    assert old
    assert new
    assert flag
    assert old[1] == ("session/set_mode", {"sessionId": "s", "modeId": "plan"})
    assert new[1][0] == flag[1][0] == "session/set_config_option"
    assert flag[1][1] == {"sessionId": "s", "configId": "fast", "value": True, "type": "boolean"}
    claude = ClaudeClient().switch("", Setting("model", "Model", "model"), "big")
    assert claude is not None
    assert claude[1][1]["request"] == {"subtype": "set_model", "model": "big"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (Field("a", type="integer", minimum=1), 0, "at least 1"),
        (Field("a", type="integer"), "1", "an integer"),
        (Field("a", type="number"), True, "a number"),
        (Field("a", type="boolean"), "yes", "True or False"),
        (Field("a", maximum=2), "abc", "at most 2 characters"),
        (Field("a", type="choice", choices=[Choice("x", "X")]), "y", "one of x"),
        (Field("a", type="choices", choices=[Choice("x", "X")], minimum=1), [], "at least 1"),
        (Field("a", secret=True, type="integer"), "sk-1", "the given value is not valid"),
    ],
)
def test_values_are_checked_before_anything_is_published(
    field: Field, value: Any, words: str
) -> None:
    """A secret is not repeated in the message."""
    question = Question(id=1, kind="question", question_kind="form", fields=[field], title="q")

    with pytest.raises(AgentError, match=words):
        reply_to(question, {"a": value}, confirm_secrets=True)


def test_yes_and_no_choose_once_before_always() -> None:
    """An option is named by its id or by its label."""
    options = [
        Option("a", "Always", "allow_always"),
        Option("o", "Once", "allow_once"),
        Option("n", "No", "reject_once"),
    ]
    question = Question(id=1, kind="question", options=options, title="q")

    assert [reply_to(question, value).option for value in (True, False, "Always", "n")] == [
        options[1],
        options[2],
        options[0],
        options[2],
    ]
    with pytest.raises(AgentError, match="expected one of a, o, n"):
        reply_to(question, "maybe")
