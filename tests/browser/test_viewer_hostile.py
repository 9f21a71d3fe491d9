"""Hostile events, on the screen and in the saved notebook: text stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbconvert
from playwright.sync_api import Page, expect

from axon_notebook.models import AxonEvent

from ..faults.scripted_server import AXON, ScriptedServer
from ..widgets.hostile_texts import HOSTILE, MARK
from .notebook_page import NotebookPage
from .viewer_page import CONNECT, Viewer

# What the viewer is made of.
MADE_OF = re.compile(
    r"(div|span|b|i|em|mark|style|button|input|select|option|details|summary|section|canvas|pre"
    r"|dl|dt|dd|ul|li|p|label)"
    r"( (class|style|id|type|title|role|tabindex|hidden|dir|placeholder|disabled|open|value|width"
    r"|height|autocomplete|min|max|step|autocapitalize|spellcheck|aria-[a-z]+|data-[a-z-]+))?"
    r"|svg( (viewBox|class|aria-hidden|data-icon))?|path( (d|fill|stroke))?"  # an icon of the table
)

EVERYTHING = """root => {
  const found = new Set();
  for (const element of root.getRootNode().querySelectorAll('*')) {
    found.add(element.localName);
    const isIcon = element.matches('svg.icon:has(> path:only-child)');
    if (element.localName === 'svg' && !isIcon) found.add(`BAD ${element.outerHTML}`);
    for (const { name, value } of element.attributes) {
      found.add(`${element.localName} ${name}`);
      if (/^on|javascript:|https?:/i.test(name) || /javascript:|https?:/i.test(
        ['href', 'src', 'style', 'class', 'id', 'action', 'data'].includes(name) ? value : ''
      )) found.add(`BAD ${name}=${value}`);
    }
  }
  return [...found];
}"""


def hostile_events() -> list[AxonEvent]:
    """Each text in each field, once as it is and once inside of JSON, as a key too."""
    events: list[AxonEvent] = []
    for text in HOSTILE:
        for payload in (text, json.dumps({"text": text, text: [text, {text: text}]})):
            sequence = len(events) + 1
            events.append(AxonEvent(sequence, AXON, sequence, "AGENT_EVENT", text, text, payload))
    return events


class Watch:
    """What a successful attack would leave in a page."""

    def __init__(self, page: Page) -> None:
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def is_calm(self) -> bool:
        return not any(MARK in text for text in [*self.dialogs, *self.requests])


def foreign(found: set[str]) -> list[str]:
    """Elements and attributes that the viewer itself does not make."""
    return sorted(name for name in found if not MADE_OF.fullmatch(name))


def test_no_text_of_an_event_becomes_anything_else(open_notebook, tmp_path):
    """Notebook output has the rights of the person who opens it."""
    events = hostile_events()
    with ScriptedServer(events) as server:
        notebook = open_notebook(
            [CONNECT.format(url=server.base_url), "viewer = an.EventViewer(axon)\nviewer"]
        )
        watch = Watch(notebook.page)
        notebook.run_all()
        viewer = Viewer(notebook)
        viewer.has(len(events))
        found = elements_of_everything(notebook, viewer, len(events))
        notebook.screenshot("viewer-hostile")

        assert foreign(found) == []
        assert watch.is_calm()

        freeze_and_export(notebook, tmp_path / "saved.html")

        assert watch.is_calm()


def elements_of_everything(notebook: NotebookPage, viewer: Viewer, events: int) -> set[str]:
    """What the view is made of, with each row, menu, search, filter and title shown once."""
    found = set(viewer.root.evaluate(EVERYTHING))
    keyboard = notebook.page.keyboard
    viewer.list.focus()
    keyboard.press("Home")
    keyboard.press("Enter")
    for _ in range(events // 6):
        keyboard.press("PageDown")
        found |= set(viewer.root.evaluate(EVERYTHING))
    for menu in viewer.root.locator(".facets summary").all():
        menu.click()
        found |= set(viewer.root.evaluate(EVERYTHING))
    for text in HOSTILE[::20]:
        viewer.search.fill(text[:200])
        viewer.filter.fill(text[:200])
        notebook.execute(f"viewer.title = {text!r}")
        found |= set(viewer.root.evaluate(EVERYTHING))
    return found


def freeze_and_export(notebook: NotebookPage, file: Path) -> None:
    """What stays is seen in the page it was made in, and through nbconvert in another."""
    notebook.execute("viewer.freeze()")
    output = notebook.output(1).last
    expect(output.locator("details summary")).to_contain_text("the newest")
    output.locator("details summary").click()
    expect(output.locator("table")).to_be_visible()
    file.write_text(nbconvert.HTMLExporter().from_filename(str(notebook.save()))[0], "utf-8")
    notebook.page.route("https://**", lambda route: route.abort())  # offline
    notebook.expected_errors.append("ERR_|requirejs|MathJax|cdnjs|jsdelivr|unpkg")
    notebook.page.goto(file.as_uri(), wait_until="domcontentloaded")
    summary = notebook.page.locator("details summary", has_text="the newest")
    expect(summary).to_be_visible()
    summary.click()
    expect(notebook.page.locator("details table")).to_be_visible()
