"""A conversation with a real agent in a real notebook, held from the page alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from axon_notebook.models import AxonEvent

from ..faults.scripted_server import ScriptedServer
from ..widgets.conversations import Script
from ..widgets.hostile_chat import hostile_conversation
from ..widgets.hostile_texts import HOSTILE
from .chat_page import SETUP, Chat
from .notebook_page import NotebookPage
from .test_viewer_hostile import EVERYTHING, Watch
from .viewer_page import CONNECT

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
COMPLAINTS = """async () => {
  const host = [...document.querySelectorAll('.jp-OutputArea-output div')].find(e => e.shadowRoot);
  const { violations } = await axe.run(host, { resultTypes: ['violations'] });
  return violations.map(v => [v.id, v.nodes.map(n => n.target.join(' ') + ': ' +
    n.any.map(check => check.message).join('; '))]);
}"""
READ_NOTES = "print(''.join(part.text for part in box.run('cat notes.txt').output()), end='')"
CHAT = "chat = an.AgentChat(session)\nchat"


def opened(open_notebook, cell: str = CHAT, **more) -> tuple[NotebookPage, Chat]:
    notebook = open_notebook([SETUP, cell], **more)
    notebook.run_all()
    chat = Chat(notebook)
    chat.says("live")
    return notebook, chat


@pytest.mark.parametrize(
    ("app", "theme", "size"),
    [
        ("lab", "light", (1280, 980)),
        ("notebook", "dark", (1280, 980)),
        ("lab", "dark", (560, 980)),
    ],
    ids=["lab-light", "notebook-dark", "lab-narrow"],
)
def test_a_whole_conversation_is_held_in_the_page(open_notebook, app, theme, size, request):
    """Prompt, plan, tools, a permission given and one refused, a turn stopped: without a cell."""
    notebook, chat = opened(open_notebook, app=app, theme=theme, size=size)

    first = chat.send("edit notes.txt: one\ntwo\nthree")
    expect(first.locator(".ask[data-state=open]")).to_be_visible()
    notebook.screenshot(f"chat-asks-{request.node.callspec.id}")
    notebook.page.add_script_tag(path=AXE)
    complaints = notebook.page.evaluate(COMPLAINTS)

    assert complaints == [], json.dumps(complaints, indent=1)

    chat.answer(first, "Allow")
    chat.ends(first)

    expect(first.locator(".ask-answer")).to_have_text("Allow")
    expect(first.locator(".message .prose")).to_have_text("I have written notes.txt.")
    assert first.locator(".line.added").all_inner_texts() == ["+one\n", "+two\n", "+three\n"]

    second = chat.send("edit notes.txt: gone")
    chat.answer(second, "Reject")
    chat.ends(second)

    expect(second.locator(".ask-answer")).to_have_text("Reject")
    expect(chat.pill).to_be_hidden()
    expect(second.locator(".tool")).to_have_attribute("data-status", "failed")
    assert notebook.execute(READ_NOTES) == "one\ntwo\nthree\n"

    third = chat.send("count *.txt")
    chat.ends(third)

    expect(third.locator(".steps li[data-state=completed]")).to_have_count(3)
    expect(third.locator(".tool-title")).to_have_text("Read notes.txt")
    notebook.screenshot(f"chat-{request.node.callspec.id}")

    fourth = chat.send("talk 200")
    expect(fourth.locator(".message .prose")).to_contain_text("3")
    chat.stop.click()
    chat.ends(fourth, "cancelled")

    expect(fourth.locator(".turn-state")).to_have_text("cancelled")
    expect(chat.stop).to_be_hidden()

    fourth.locator(".foot button.raw").click()
    entry = fourth.locator(".raw-event", has_text="session/prompt").first
    entry.locator("summary").click()

    expect(entry.locator(".tree")).to_contain_text("talk 200")
    notebook.screenshot(f"chat-stopped-{request.node.callspec.id}")


def test_the_conversation_goes_on_while_a_cell_runs_and_after_a_reload(open_notebook, tmp_path):
    """The kernel is busy when one wants to watch most, and pages are reloaded all the time."""
    talk = "import time\nfor update in session.prompt('talk 12'):\n    pass\n"
    go_on = tmp_path / "go-on"
    cell = talk + f"import pathlib\nwhile not pathlib.Path({str(go_on)!r}).exists():\n"
    cell += "    time.sleep(0.05)\nprint('done')"
    notebook = open_notebook([SETUP, CHAT, cell])
    notebook.run_cell(0)
    notebook.run_cell(1)
    chat = Chat(notebook)
    chat.says("live")
    notebook.run_cell(2, wait=False)
    turn = chat.turns.first

    expect(turn.locator(".message .prose")).to_contain_text("5")
    assert notebook.output(2).count() == 0, "the cell still runs"

    go_on.touch()
    notebook.wait_idle()
    notebook.save()
    notebook.reload()
    chat = Chat(notebook)
    chat.says("live")

    expect(chat.turns).to_have_count(1)
    expect(chat.turns.first.locator(".message .prose")).to_contain_text("12")
    again = chat.send("files")
    chat.ends(again)


def test_an_agent_that_dies_is_said_to_be_gone(open_notebook):
    """Nobody should wait for an answer that cannot come."""
    notebook, chat = opened(open_notebook)
    turn = chat.send("talk 300")
    expect(turn.locator(".message .prose")).to_contain_text("2")
    notebook.execute("box.shutdown()")
    chat.ends(turn, "failed")
    chat.says("agent gone")
    notebook.screenshot("chat-agent-gone")

    expect(turn.locator(".turn-error")).to_be_visible()
    expect(chat.box).to_be_disabled()

    notebook.execute("chat.close()")
    notebook.save()

    expect(notebook.output(1).last).to_contain_text("talk 300")


# What the chat is made of.
MADE_OF = re.compile(
    r"(div|span|b|i|style|button|details|summary|pre|ol|ul|li|p|article|form|textarea|code|strong"
    r"|em|del|hr|br|blockquote|table|tr|th|td|small|select|option|input|label|fieldset|legend|svg"
    r"|path)"
    r"( (class|style|type|title|role|tabindex|hidden|dir|placeholder|disabled|open|rows|spellcheck"
    r"|start|value|name|step|multiple|autocomplete|viewBox|d|fill|stroke[a-z-]*|width|height|aria-[a-z]+|data-[a-z-]+))?"
    r"|a( (href|title|target|rel|data-lm-suppress-shortcuts))?|img( (src|alt|class))?"
)
ALL_TURNS = """root => {
  for (let i = 0; i < 4; i++) root.querySelector('.log > .earlier').click();
}"""
OPEN_ALL = """root => {
  for (const raw of [...root.querySelectorAll('.foot button.raw')].slice(-20)) raw.click();
  for (const details of root.querySelectorAll('details')) details.open = true;
}"""
ADDRESSES = """root => [...root.querySelectorAll('[href], [src]')]
  .map(e => e.getAttribute('href') ?? e.getAttribute('src'))"""
READ_ONLY = "chat = an.AgentChat(axon)\nchat"


def test_no_text_of_a_conversation_becomes_anything_else(open_notebook):
    """Agents repeat what they read on the web; notebook output has its reader's rights."""
    events: list[AxonEvent] = []
    for text in HOSTILE[::3]:
        events += hostile_conversation(text, len(events))
    with ScriptedServer(events) as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), READ_ONLY])
        watch = Watch(notebook.page)
        notebook.run_all()
        chat = Chat(notebook)
        chat.says("agent gone")
        expect(chat.turns.last.locator(".turn-error")).to_be_visible()
        chat.root.evaluate(ALL_TURNS)
        expect(chat.turns).to_have_count(len(HOSTILE[::3]))
        chat.root.evaluate(OPEN_ALL)
        expect(chat.turns.last.locator(".raw-events > :not(.path)").first).to_be_visible()
        found = chat.root.evaluate(EVERYTHING)
        addresses = chat.root.evaluate(ADDRESSES)
        notebook.screenshot("chat-hostile")

    made = [name for name in found if not name.startswith("BAD href=https:")]  # not loaded
    assert [name for name in made if not MADE_OF.fullmatch(name)] == []
    allowed = ("http://", "https://", "mailto:", "data:image/png;base64,")
    assert [address for address in addresses if not address.startswith(allowed)] == []
    assert watch.is_calm()


DRAWN = "row => row.firstElementChild.checkVisibility({ contentVisibilityAuto: true })"
NOT_DRAWN = DRAWN.replace("row.first", "!row.first")
AT_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 5"


def waits(element: Locator, condition: str) -> None:
    handle = element.element_handle()
    element.page.wait_for_function(condition, arg=handle, timeout=30_000)


def test_of_a_long_turn_only_what_is_in_sight_is_drawn(open_notebook):
    """An agent may work for hours in one turn, and every one of its words changes the page."""
    script = Script()
    script.acp_prompt("go on")
    for step in range(60):
        script.acp_text(f"Step {step}\n\n- one\n- two\n", messageId=f"m{step}")
    with ScriptedServer(script.events) as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), READ_ONLY])
        notebook.run_all()
        chat = Chat(notebook)
        rows = chat.turns.last.locator(".row")
        expect(rows).to_have_count(60, timeout=60_000)
        expect(rows.last).to_contain_text("Step 59")
        waits(rows.last, DRAWN)
        waits(rows.first, NOT_DRAWN)
        waits(chat.log, AT_END)

        chat.log.hover()
        notebook.page.mouse.wheel(0, -1_000_000)
        waits(rows.first, DRAWN)
        waits(rows.nth(50), NOT_DRAWN)
