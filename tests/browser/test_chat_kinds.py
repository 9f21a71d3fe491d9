"""Everything a chat can show, from scripted agents behind the real broker, looked at and used."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from axon_notebook.models import AxonEvent

from ..widgets.conversations import acp_conversation, claude_conversation
from .chat_page import Chat
from .notebook_page import NotebookPage
from .test_chat import AXE, COMPLAINTS

AGENT = Path(__file__).parent / "replay_agent.py"
PROMPTS = ("session/prompt", "query")
SETUP = """\
import axon_notebook as an
client = an.connect()
axon = client.create_axon("kinds")
mount = {{"type": "broker_mount", "axon_id": axon.id, "protocol": "{protocol}",
         "agent_binary": {python!r}, "launch_args": [{agent!r}, "{name}", {file!r}]}}
box = client.create_devbox(mounts=[mount])
session = an.AgentSession(axon, "{name}")
"""


def script_of(events: list[AxonEvent], tmp: Path) -> Path:
    """What the agent says in each turn; what comes before the first prompt is its session's."""
    turns: list[list[list[object]]] = []
    for event in events:
        if event.origin == "USER_EVENT" and event.event_type in PROMPTS:
            turns.append([])
        elif event.origin == "AGENT_EVENT" and turns:
            turns[-1].append([event.event_type, json.loads(event.payload)])
    file = tmp / "script.json"
    file.write_text(json.dumps(turns), "utf-8")
    return file


def opened(
    open_notebook, name: str, events: list[AxonEvent], tmp: Path, **look
) -> tuple[NotebookPage, Chat]:
    protocol = {"acp": "acp", "claude": "claude_json"}[name]
    file = script_of(events, tmp)
    setup = SETUP.format(
        protocol=protocol, python=sys.executable, agent=str(AGENT), name=name, file=str(file)
    )
    notebook = open_notebook([setup, "chat = an.AgentChat(session, height=860)\nchat"], **look)
    notebook.run_all()
    chat = Chat(notebook)
    chat.says("live")
    return notebook, chat


def is_accessible(notebook: NotebookPage) -> None:
    if not notebook.page.evaluate("'axe' in window"):
        notebook.page.add_script_tag(path=AXE)
    complaints = notebook.page.evaluate(COMPLAINTS)
    assert complaints == [], json.dumps(complaints, indent=1)


def asked(turn: Locator, kind: str) -> Locator:
    question = turn.locator(f".ask[data-kind={kind}]").last
    expect(question).to_have_attribute("data-state", "open", timeout=30_000)
    return question


def _filled(form: Locator) -> Locator:
    """Fill the form in; what is not valid, or secret, cannot be sent."""
    form.get_by_label("Port").fill("80")
    expect(form.locator(".ask-problem")).to_have_text("Port: at least 1024")
    form.get_by_label("Port").fill("9000")
    form.get_by_label("Development").check()
    form.get_by_label("API key").fill("hunter2")
    send = form.get_by_role("button", name="Send", exact=True)
    expect(send).to_be_disabled()
    form.locator(".durable input").check()
    expect(send).to_be_enabled()
    return form


@pytest.mark.parametrize(
    ("app", "theme", "size"),
    [("lab", "light", (1280, 1180)), ("lab", "dark", (560, 1180))],
    ids=["light", "narrow-dark"],
)
def test_markdown_tools_pictures_and_a_form(open_notebook, app, theme, size, tmp_path, request):
    """What an ACP agent sends: shown, and the form's answer reaches it."""
    look = request.node.callspec.id
    notebook, chat = opened(
        open_notebook, "acp", acp_conversation(), tmp_path, app=app, theme=theme, size=size
    )
    turn = chat.send("Why are rows missing?")
    chat.ends(turn)

    expect(turn.locator(".steps li[data-state=completed]")).to_have_count(1)
    expect(turn.locator(".terminal, .tool .code").first).to_contain_text("collected 3 items")
    picture = turn.locator(".tool img.pic")
    expect(picture).to_have_count(1)
    assert picture.evaluate("e => e.complete && e.naturalWidth") == 48
    expect(turn.locator(".file", has_text="image/svg+xml")).to_be_visible()
    prose = turn.locator(".message .prose")
    expect(prose.locator(".t-keyword").first).to_have_text("def")
    expect(prose.locator("td[data-align=right]").first).to_have_text("10")
    assert prose.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))") == [
        "https://example.com/issues/12",
        "https://example.com/doc",
    ]
    expect(chat.root.locator(".counts")).to_have_text(
        re.compile(r"1 turn · 1,592 tokens · context 21,500 of 200,000 \(11 %\) · \$0.31")
    )
    notebook.screenshot(f"chat-kinds-acp-{look}")
    is_accessible(notebook)

    turn = chat.send("Start the server")
    form = _filled(asked(turn, "form"))
    notebook.screenshot(f"chat-kinds-form-{look}")
    is_accessible(notebook)
    form.get_by_role("button", name="Send", exact=True).click()

    permission = asked(turn, "permission")
    expect(form.locator(".ask-answer")).to_contain_text("Port: 9000")
    expect(form.locator(".ask-answer")).to_contain_text("API key: •••")
    permission.get_by_role("button", name="Reject", exact=True).click()
    chat.ends(turn, "cancelled")
    expect(turn.locator(".note[data-kind=compaction]")).to_be_visible()
    expect(turn.locator(".note[data-level=warning]")).to_have_text("The disk is almost full")
    notebook.screenshot(f"chat-kinds-ended-{look}")
    notebook.execute("chat.close()")

    assert "hunter2" not in notebook.execute("print(chat.static_html())")


def test_subagents_choices_plans_and_a_failure(open_notebook, tmp_path):
    """What Claude sends: nested, chosen, approved; the reason of a failed turn."""
    events = claude_conversation()
    asking = claude_conversation(open_questions=True)
    events[-2:-2] = [e for e in asking if '"r2"' in e.payload or '"r3"' in e.payload]
    notebook, chat = opened(
        open_notebook, "claude", events, tmp_path, app="notebook", theme="dark", size=(1280, 1180)
    )
    turn = chat.send("Count the files with two helpers")
    chat.ends(turn)
    agents = turn.locator(".tool[data-tool=agent]")
    expect(agents).to_have_count(2)
    for at in range(2):
        agents.nth(at).locator("> summary").click()
    expect(agents.first.locator(".nested .tool-title")).to_have_text("Bash ls a")
    expect(turn.locator(".turn-items > .items > .row > .message .prose")).to_have_text(
        "There are 4 files."
    )
    expect(turn.locator(".note[data-kind=rate_limit]")).to_contain_text("nearly reached")
    notebook.screenshot("chat-kinds-subagents")
    is_accessible(notebook)

    _judged(notebook, turn)

    chat.ends(chat.send("/compact"))
    _answered(notebook, chat)


def _judged(notebook: NotebookPage, turn: Locator) -> None:
    """A message and the turn get a badge each; one is taken back."""
    row = turn.locator(".turn-items > .items > .row", has=turn.page.locator(".message")).last
    row.hover()
    row.locator(".annotate").click()
    form = row.locator(".annotation-form")
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    form.get_by_role("button", name="incorrect", exact=True).click()
    form.get_by_label("score").fill("0.25")
    form.get_by_label("note").fill("there are 5")
    notebook.screenshot("chat-kinds-annotation-form")
    is_accessible(notebook)
    form.get_by_role("button", name="Save").click()
    expect(row.locator(".badge")).to_contain_text("incorrect · 0.25", timeout=30_000)

    turn.locator(".foot .annotate").click()
    turn.locator("> .annotations input").first.fill("slow")
    turn.page.keyboard.press("Enter")
    badge = turn.locator("> .annotations .badge")
    expect(badge).to_contain_text("slow", timeout=30_000)
    notebook.screenshot("chat-kinds-annotations")
    badge.get_by_role("button", name="take this annotation back").click()
    expect(badge).to_have_count(0, timeout=30_000)


def _answered(notebook: NotebookPage, chat: Chat) -> None:
    """A choice, a plan and a permission, each answered in the page; then the turn fails."""
    turn = chat.send("Paint the shed")
    choice = asked(turn, "choice")
    choice.get_by_label("Red").check()
    choice.get_by_label("North").check()
    choice.get_by_label("South").check()
    notebook.screenshot("chat-kinds-choice")
    choice.get_by_role("button", name="Send", exact=True).click()

    plan = asked(turn, "plan")
    expect(choice.locator(".ask-answer")).to_contain_text("Which sides? North, South")
    expect(plan.locator("strong")).to_have_text("wood")
    notebook.screenshot("chat-kinds-plan")
    is_accessible(notebook)
    plan.get_by_role("button", name="Approve", exact=True).click()

    permission = asked(turn, "permission")
    always = permission.get_by_role("button", name=re.compile("Always allow Bash"))
    expect(always.locator("small")).to_have_text("in this project's local settings")
    always.click()
    chat.ends(turn, "failed")
    expect(turn.locator(".turn-error")).to_contain_text("The model is overloaded (529)")
    notebook.screenshot("chat-kinds-failed")

    answers = (
        "SELECT payload FROM rl_axon_events WHERE event_type = 'control_response' AND origin = 3"
    )
    sent = notebook.execute(f'print(axon.sql("{answers}").payload.tolist())')
    assert "North, South" in sent
