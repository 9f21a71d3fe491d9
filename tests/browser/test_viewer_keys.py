"""Without a mouse, without colours, in a narrow window: the viewer for everybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from axon_notebook.models import AxonEvent

from ..faults.rate_server import RateServer, event_of
from ..faults.scripted_server import AXON, Answer, ScriptedServer
from .notebook_page import NotebookPage
from .viewer_page import CONNECT, Viewer

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

# axe looks into open shadow roots by itself.
CHECK = """async () => {
  const found = await axe.run({ include: [['.axon-here']] }, { resultTypes: ['violations'] });
  return found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}"""

# The element with the focus, through shadow roots.
FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element?.closest('.axon')
    ? [element.getAttribute('aria-label'), element.textContent, element.title].join(' ') : null;
}"""

# Letters that are commands of the notebook outside of a cell: insert, delete, change, run.
NOTEBOOK_KEYS = [
    "a",
    "b",
    "x",
    "d",
    "d",
    "m",
    "y",
    "r",
    "z",
    "j",
    "k",
    "o",
    "Shift+m",
    "f",
    "Escape",
]


def story(sequence: int) -> AxonEvent:
    """A run of an agent: text in pieces, tool calls with results, an error."""
    kinds = {
        0: ("session/prompt", {"prompt": [{"type": "text", "text": "Fix the timeout, please"}]}),
        1: ("tool.call", {"id": f"t{sequence}", "name": "bash", "args": {"cmd": "pytest -q"}}),
        2: ("tool.result", {"id": f"t{sequence - 1}", "exit": 1, "output": "2 failed, 40 passed"}),
        3: ("turn.error", {"message": "the devbox did not answer", "attempt": sequence}),
    }
    kind, payload = kinds.get(sequence % 12, ("turn.delta", {"text": f"word{sequence} "}))
    time_ms = 1_763_805_600_000 + sequence * 700 + (sequence // 40) * 9000
    origin = "USER_EVENT" if kind == "session/prompt" else "AGENT_EVENT"
    return AxonEvent(sequence, AXON, time_ms, origin, "acp agent", kind, json.dumps(payload))


HERE = """() => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output *')];
  const host = outputs.find((element) => element.shadowRoot?.querySelector('.axon'));
  host.parentElement.classList.add('axon-here');
}"""


def no_violation(notebook) -> None:
    notebook.page.evaluate(HERE)
    assert notebook.page.evaluate(CHECK) == []


def open_viewer(open_notebook, server, **options):
    cell = "viewer = an.EventViewer(axon)\nviewer"
    notebook = open_notebook([CONNECT.format(url=server.base_url), cell, "1"], **options)
    notebook.run_all()
    return notebook, Viewer(notebook)


@pytest.mark.parametrize(("app", "theme"), [("lab", "light"), ("notebook", "dark")])
def test_everything_is_reached_by_keys_and_no_key_reaches_the_notebook(open_notebook, app, theme):
    """A key meant for the list must not delete a cell; a person without a mouse can do it all."""
    with RateServer(make=story) as server:
        server.run(10**9, 400)
        notebook, viewer = open_viewer(open_notebook, server, app=app, theme=theme)
        viewer.has(400)
        cells = notebook.page.locator(".jp-Notebook .jp-Cell")
        mode = notebook.page.locator(".jp-Notebook").first.get_attribute("class")
        notebook.screenshot(f"viewer-{app}-{theme}")

        reached = reached_by_tab(notebook, viewer)
        for name in ("Pause", "Follow", "Filter events", "Search in shown events", "Events"):
            assert any(name in found for found in reached), (name, reached)

        the_list_by_keys(notebook, viewer, f"viewer-details-{app}-{theme}")
        search_and_filter_by_keys(notebook, viewer)

        assert cells.count() == 3
        assert notebook.page.locator(".jp-Notebook").first.get_attribute("class") == mode
        notebook.becomes("viewer.filter", "type:tool.*")


def reached_by_tab(notebook: NotebookPage, viewer: Viewer) -> set[str]:
    """The names of what Tab leads to from the first button on."""
    viewer.root.locator(".pause").focus()
    reached = set()
    for _ in range(60):
        if (name := notebook.page.evaluate(FOCUSED)) is None:
            break
        reached.add(name)
        notebook.page.keyboard.press("Tab")
    return reached


def the_list_by_keys(notebook: NotebookPage, viewer: Viewer, picture: str) -> None:
    """Move, open, close, pause, select, change the times."""
    keyboard = notebook.page.keyboard
    viewer.list.focus()
    keyboard.press("Home")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(viewer.root.locator(".details")).to_be_visible()
    notebook.screenshot(picture)
    keyboard.press("Escape")
    expect(viewer.root.locator(".details")).to_be_hidden()
    keyboard.press("Space")
    expect(viewer.root.locator(".pause")).to_have_attribute("aria-pressed", "true")
    keyboard.press("Space")
    keyboard.press("Control+a")
    notebook.becomes("len(viewer.selected)", 400)
    keyboard.press("t")
    expect(viewer.root.locator(".time-mode")).to_contain_text("since start")
    for part in (viewer.list, viewer.root.locator(".pause"), viewer.root.locator(".follow")):
        for key in NOTEBOOK_KEYS:
            part.focus()
            keyboard.press(key)


def search_and_filter_by_keys(notebook: NotebookPage, viewer: Viewer) -> None:
    keyboard = notebook.page.keyboard
    viewer.list.focus()
    keyboard.press("Control+f")
    keyboard.type("abdxmy failed")
    expect(viewer.search).to_have_value("abdxmy failed")
    keyboard.press("Escape")
    viewer.list.focus()
    keyboard.press("f")
    keyboard.type("type:tool.*")
    keyboard.press("Enter")
    expect(viewer.root.locator(".shown")).to_contain_text("of 400")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(open_notebook, theme):
    """Contrast, names, roles: what a machine can check about access."""
    with RateServer(make=story) as server:
        notebook, viewer = open_viewer(open_notebook, server, theme=theme)
        notebook.page.add_script_tag(path=AXE)
        viewer.is_live()
        notebook.screenshot(f"viewer-empty-{theme}", viewer.root)
        no_violation(notebook)

        server.run(10**9, 400)
        viewer.has(400)
        no_violation(notebook)
        # Forty events are 0.7 s apart, then nothing happens for 9.7 s.
        expect(viewer.list.locator('.gap[data-long="true"]').first).to_have_text("9.7 s")

        viewer.list.focus()
        notebook.page.keyboard.press("Home")
        notebook.page.keyboard.press("Enter")
        viewer.filter.fill("type:")
        expect(viewer.root.locator(".filter-error")).to_be_visible()
        viewer.search.fill("word")
        viewer.root.locator(".header .menu summary").click()
        notebook.screenshot(f"viewer-menu-{theme}", viewer.root)
        no_violation(notebook)


def test_narrow_and_failed(open_notebook):
    """A side pane and bad news are where layouts break."""
    with RateServer(make=story) as server:
        server.run(10**9, 400)
        notebook, viewer = open_viewer(open_notebook, server, size=(560, 900), theme="dark")
        viewer.has(400)
        notebook.screenshot("viewer-narrow-dark")
        viewer.list.locator(".row:not([hidden]) .text").nth(3).click()
        expect(viewer.root.locator(".details")).to_be_visible()
        notebook.screenshot("viewer-narrow-details")
    with ScriptedServer([event_of(n) for n in range(1, 4)]) as server:
        server.streams(Answer(status=401, steps=[b'{"message": "The key was revoked."}']))
        notebook, viewer = open_viewer(open_notebook, server)
        expect(viewer.word).to_have_text("failed")
        notebook.screenshot("viewer-failed", viewer.root)

        expect(viewer.root.locator(".state-line")).to_contain_text("revoked")


# The active row, and the part of the list that is seen; the head covers the first 24 pixels.
ACTIVE = """list => {
  const row = list.querySelector('.row[data-state~="active"]')?.getBoundingClientRect();
  const seen = list.getBoundingClientRect();
  return row && row.top >= seen.top + 23 && row.bottom <= seen.bottom + 1;
}"""


@pytest.mark.parametrize("width", [760, 1280])
def test_the_row_whose_details_are_open_stays_in_view(open_notebook, width):
    """Beside it or below it, the details take room from the list that has the row."""
    with RateServer() as server:
        server.run(10**9, 300)
        cells = [CONNECT.format(url=server.base_url), "an.EventViewer(axon, height=320)"]
        notebook = open_notebook(cells, size=(width, 900))
        notebook.run_all()
        viewer = Viewer(notebook)
        viewer.has(300)
        viewer.list.focus()
        notebook.page.keyboard.press("End")
        notebook.page.keyboard.press("ArrowUp")
        notebook.page.keyboard.press("Enter")
        expect(viewer.root.locator(".details .body")).to_contain_text("needle")
        notebook.page.wait_for_function(ACTIVE, arg=viewer.list.element_handle())
        notebook.screenshot(f"viewer-details-{width}")
