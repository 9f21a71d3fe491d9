"""Files in the chat's box, addresses to open, and logging in."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from playwright.sync_api import expect

from .chat_page import Chat

AGENT = Path(__file__).parents[1] / "agents" / "scripted_acp.py"
SETUP = """\
import axon_notebook as an
client = an.connect()
axon = client.create_axon("attaching")
mount = {{"type": "broker_mount", "axon_id": axon.id, "protocol": "acp",
         "agent_binary": {python!r}, "launch_args": [{agent!r}, {file!r}]}}
box = client.create_devbox(mounts=[mount])
session = an.AgentSession(axon)
"""
ADDRESS = "https://login.example/authorize?client=7"
METHODS = [{"id": "key", "name": "API key", "description": "from the environment"}]
COMMANDS = {"sessionUpdate": "available_commands_update", "availableCommands": [{"name": "init"}]}
LOGIN = {"sessionId": "sess_1", "mode": "url", "url": ADDRESS, "elicitationId": "e1"}
SCRIPT = {
    "init": {
        "protocolVersion": 1,
        "agentCapabilities": {"promptCapabilities": {"image": True}},
        "agentInfo": {"name": "painter", "version": "1"},
        "authMethods": METHODS,
    },
    "turns": [
        [{"update": COMMANDS}],
        [{"ask": ["elicitation/create", {**LOGIN, "message": "Log in at the store"}]}],
    ],
}


def test_files_addresses_commands_and_logins(open_notebook, tmp_path):
    """A file goes with a prompt; an address is shown whole, and opened by a person alone."""
    file = tmp_path / "script.json"
    file.write_text(json.dumps(SCRIPT), "utf-8")
    setup = SETUP.format(python=sys.executable, agent=str(AGENT), file=str(file))
    notebook = open_notebook(
        [setup, "chat = an.AgentChat(session, height=700)\nchat"], size=(1100, 1000)
    )
    notebook.run_all()
    chat = Chat(notebook)
    chat.says("live")
    expect(chat.root.get_by_role("button", name="Log in: API key")).to_be_visible()
    notebook.screenshot("chat-login")

    picture = tmp_path / "picture.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
            "08d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
        )
    )
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(7_000_000))
    choose = chat.root.locator(".attach input")
    choose.set_input_files(large)
    expect(chat.root.locator(".trouble")).to_contain_text("at most 6.0 MB")
    choose.set_input_files([picture, file])
    attached = chat.root.locator(".attached")
    expect(attached).to_have_count(2)
    chat.root.get_by_role("button", name="do not attach script.json").click()
    expect(attached).to_have_text(re.compile("picture.png"))
    chat.box.fill("Look at this")
    notebook.screenshot("chat-attached")
    turn = chat.send("")
    chat.ends(turn)
    expect(turn.locator(".prompt img.pic")).to_have_count(1)
    expect(attached).to_have_count(0)

    chat.box.fill("/in")
    chat.root.locator(".command", has_text="/init").click()
    expect(chat.box).to_have_value("/init ")
    chat.box.fill("")

    turn = chat.send("store it")
    question = turn.locator(".ask[data-kind=url]")
    expect(question.locator(".address")).to_have_text(ADDRESS, timeout=30_000)
    notebook.screenshot("chat-url")
    question.get_by_role("button").first.click()
    chat.ends(turn)
    expect(turn.locator(".message")).to_contain_text('"action": "accept"')
