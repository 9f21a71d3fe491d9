"""The timeline as a person sees it: a recorded run, a live one, and a hundred thousand spans."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from ..docs.examples import seed
from .conftest import OpenNotebook
from .notebook_page import NotebookPage

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = """async () => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output *')];
  const host = outputs.find((element) => element.shadowRoot?.querySelector('.timeline'));
  host.parentElement.classList.add('axon-here');
  const found = await axe.run({ include: [['.axon-here']] }, { resultTypes: ['violations'] });
  return found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}"""
BEGIN = (
    'import axon_notebook as an\nclient = an.connect(home="{home}")\naxon = client.axon("nightly")'
)
SHOW = "timeline = an.Timeline(axon, height=300)\ntimeline"
LIVE = """\
import json
def say(kind, origin="AGENT_EVENT", **fields):
    live.publish(kind, fields, origin=origin)
live = client.create_axon("live")
live.publish("session/prompt", {"sessionId": "s", "prompt": [{"type": "text", "text": "Count"}]})
timeline = an.Timeline(live, height=220)
timeline"""
#: A hundred thousand spans, put where the reader thread would put them.
MANY = """\
from axon_notebook.widgets.timeline_spans import Span
store = timeline._spans
with store._spans_lock:
    for n in range(1, 100_001):
        turn = n - (n - 1) % 100
        end = n * 10 + (900 if n == turn else 7 + n % 40)
        status = "failed" if n % 997 == 0 else "completed"
        kind = "turn" if n == turn else "tool"
        store._spans._set(Span(n, 0 if n == turn else turn, kind, f"step {n}", status,
                               n * 10, end, n, n), n)
timeline._notify(stat=True)"""


@pytest.fixture
def recorded(home: Path) -> Path:
    home.mkdir()
    seed(home, {"nightly": "agent_run.jsonl.gz"})
    return home


def facts(notebook: NotebookPage) -> Locator:
    return notebook.page.locator(".axon .span-facts")


@pytest.mark.parametrize(("theme", "size"), [("light", (1180, 900)), ("dark", (560, 900))])
def test_a_run_is_seen_and_walked_through(
    recorded: Path, open_notebook: OpenNotebook, theme: str, size: tuple[int, int]
) -> None:
    """Turn, calls, waits: by pointer and by keys, and nothing that axe complains about."""
    notebook = open_notebook([BEGIN.format(home=recorded), SHOW], size=size, theme=theme)
    notebook.run_all()
    expect(facts(notebook)).to_have_text("15 turns, 16 tool calls")
    canvas, keyboard = notebook.page.locator(".axon canvas.spans"), notebook.page.keyboard
    notebook.screenshot(f"timeline-{theme}")

    canvas.focus()
    keyboard.press("ArrowRight")
    expect(facts(notebook)).to_contain_text("Turn:")
    keyboard.press("ArrowDown")
    expect(facts(notebook)).to_contain_text("Tool call:")
    keyboard.press("+")
    keyboard.press("+")
    notebook.screenshot(f"timeline-zoomed-{theme}")
    keyboard.press("b")
    keyboard.press("Enter")
    keyboard.press("ArrowUp")
    expect(facts(notebook)).to_contain_text("Turn:")
    notebook.becomes("timeline.time_range is not None", True)
    notebook.becomes("type(timeline.opened)", list)
    keyboard.press("Escape")

    notebook.page.add_script_tag(path=AXE)
    assert notebook.page.evaluate(CHECK) == []


def test_what_runs_grows_and_what_ends_is_told(recorded: Path, open_notebook: OpenNotebook) -> None:
    """A live bar that stands still looks like a dead agent."""
    notebook = open_notebook([BEGIN.format(home=recorded), LIVE])
    notebook.run_all()
    expect(facts(notebook)).to_have_text("1 turn, 0 tool calls", timeout=60_000)
    notebook.page.locator(".axon canvas.spans").focus()
    notebook.page.keyboard.press("ArrowRight")
    expect(facts(notebook)).to_contain_text("Turn: Count · ")
    expect(facts(notebook)).not_to_have_text(facts(notebook).inner_text())
    call = '{"sessionUpdate": "tool_call", "toolCallId": "t", "title": "pytest", "status": "%s"}'
    notebook.execute(f'say("session/update", sessionId="s", update={call % "in_progress"})')
    # The cell may end before the page has the call, and a key finds only what is drawn.
    notebook.page.keyboard.press("Escape")
    expect(facts(notebook)).to_have_text("1 turn, 1 tool call")
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowDown")
    expect(facts(notebook)).to_contain_text("Tool call: pytest · in progress")
    notebook.screenshot("timeline-live")


def test_a_hundred_thousand_spans_are_counted_and_saved_as_fewer_marks(
    recorded: Path, open_notebook: OpenNotebook
) -> None:
    """A night of runs is one picture; benchmarks/timeline.py measures how it moves."""
    notebook = open_notebook([BEGIN.format(home=recorded), SHOW])
    notebook.run_all()
    expect(facts(notebook)).to_contain_text("tool calls", timeout=60_000)
    notebook.execute(MANY)
    expect(facts(notebook)).to_contain_text("1,000 turns, 99,000 tool calls", timeout=60_000)
    notebook.screenshot("timeline-100k")
    canvas, keyboard = notebook.page.locator(".axon canvas.spans"), notebook.page.keyboard
    canvas.focus()
    keyboard.press("ArrowRight")
    for _ in range(12):
        keyboard.press("+")
    for _ in range(5):
        keyboard.press("Shift+ArrowRight")
    notebook.screenshot("timeline-100k-zoomed")

    assert "spans, drawn as" in notebook.execute("print(timeline.static_html())")


def test_a_viewer_has_the_timeline_above_its_rows(
    recorded: Path, open_notebook: OpenNotebook
) -> None:
    """From the bar to the events behind it, and back from an event to its bar."""
    cells = [BEGIN.format(home=recorded), "an.EventViewer(axon, timeline=True, height=560)"]
    notebook = open_notebook(cells, size=(1180, 900))
    notebook.run_all()
    expect(facts(notebook)).to_contain_text("15 turns, 16 tool calls", timeout=60_000)
    keyboard, page = notebook.page.keyboard, notebook.page
    page.locator(".axon canvas.spans").focus()
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    active = page.locator('.axon .row[data-state~="active"]')
    expect(active.locator(".type .name")).to_have_text("turn")
    notebook.screenshot("viewer-timeline")

    page.locator(".axon .list").focus()
    for _ in range(5):
        keyboard.press("ArrowDown")
    expect(facts(notebook)).to_contain_text("event")
    assert page.locator(".axon .span-facts").inner_text() != ""
