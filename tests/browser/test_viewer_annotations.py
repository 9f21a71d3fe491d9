"""Annotating events in the viewer: the form in the inspector, badges on the rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ..docs.examples import seed
from .conftest import OpenNotebook
from .test_timeline import AXE, BEGIN, CHECK

SHOW = 'viewer = an.EventViewer(axon, timeline=True, height=560, filter="seq:..12")\nviewer'


@pytest.fixture
def recorded(home: Path) -> Path:
    """The home of a service that has the recorded run; made before playwright's loop begins."""
    home.mkdir()
    seed(home, {"nightly": "agent_run.jsonl.gz"})
    return home


@pytest.mark.parametrize(("theme", "width"), [("light", 1180), ("dark", 560)])
def test_an_event_is_judged_where_it_is_read(
    recorded: Path, open_notebook: OpenNotebook, theme: str, width: int
) -> None:
    """The judgement is an event of the axon; taken back, its badge is gone."""
    cells = [BEGIN.format(home=recorded), SHOW]
    notebook = open_notebook(cells, size=(width, 900), theme=theme)
    notebook.run_all()
    page, keyboard = notebook.page, notebook.page.keyboard
    row = page.locator(".axon .row", has=page.locator('.seq:text-is("10")'))
    row.click(timeout=60_000)
    page.locator(".axon .list").focus()
    keyboard.press("Enter")
    details = page.locator(".axon .details")
    details.get_by_role("button", name="annotate").click()
    keyboard.type("incorrect")
    details.get_by_label("score").fill("0,25")
    details.get_by_label("note").fill("lists the wrong folder")
    notebook.screenshot(f"viewer-annotating-{theme}")
    details.get_by_role("button", name="Save").click()

    expect(details.locator(".badge")).to_contain_text("incorrect · 0.25", timeout=60_000)
    expect(row.locator(".row-badge")).to_have_text("incorrect · 0.25")
    notebook.screenshot(f"viewer-annotated-{theme}")
    frame = "axon.trace().annotations[['target_sequence', 'label', 'score', 'explanation']]"
    judged = notebook.execute(f"print({frame}.values.tolist())")
    assert judged == "[[10, 'incorrect', 0.25, 'lists the wrong folder']]\n"
    page.add_script_tag(path=AXE)
    assert page.evaluate(CHECK) == []

    details.get_by_role("button", name="take this annotation back").click()
    expect(row.locator(".row-badge")).to_be_hidden(timeout=60_000)
    expect(details.locator(".badge")).to_have_count(0)
    notebook.execute("axon.annotate('demo-1006c701-1', 'read')")
    expect(row.locator(".row-badge")).to_have_text("read", timeout=60_000)
