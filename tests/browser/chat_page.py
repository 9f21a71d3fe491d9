"""The agent chat as a person at the page sees and uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .notebook_page import NotebookPage

__all__ = ["SETUP", "Chat"]

#: The first cell of a notebook that talks to the demo agent.
SETUP = """\
import axon_notebook as an
client = an.connect()
axon = client.create_axon("chat")
mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp"}
mount["agent_binary"] = "axon-notebook-demo-agent"
box = client.create_devbox(mounts=[mount])
session = an.AgentSession(axon)
"""


class Chat:
    """One view of a chat; *nth* counts the views of the page."""

    def __init__(self, notebook: NotebookPage, nth: int = 0) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.root: Locator = self.page.locator(".axon[role=region]").nth(nth)
        self.log = self.root.locator(".log[role=log]")
        self.word = self.root.locator(".state .word")
        self.box = self.root.locator("textarea.box")
        self.turns = self.root.locator("article.turn")
        self.pill = self.root.locator("button.pill")
        self.stop = self.root.locator("button.stop")

    def says(self, word: str, timeout: float = 120) -> None:
        """Wait until the header says how the chat stands."""
        expect(self.word).to_have_text(word, timeout=1000 * timeout)

    def send(self, text: str) -> Locator:
        """Type a prompt and send it; return its turn once the axon has it."""
        at = self.turns.count()
        self.box.click()
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")
        turn = self.turns.nth(at)
        expect(turn).to_be_visible(timeout=30_000)
        return turn

    def ends(self, turn: Locator, state: str = "completed", timeout: float = 120) -> None:
        """Wait until the turn is over."""
        expect(turn).to_have_attribute("data-state", state, timeout=1000 * timeout)

    def answer(self, turn: Locator, option: str) -> None:
        """Click a button of the open permission request."""
        turn.locator(".ask[data-state=open]").get_by_role("button", name=option, exact=True).click()
