"""The bar of `%axon replay` in JupyterLab."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from .conftest import OpenNotebook

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
BEGIN = """\
%load_ext axon_notebook
import axon_notebook as an
client = an.connect(home="{home}")
axon = client.create_axon("live-demo")"""
SHOW = "viewer = an.EventViewer(axon, timeline=True, height=420)\nviewer"


def test_a_replay_is_directed_while_the_viewer_shows_it(
    home: Path, open_notebook: OpenNotebook
) -> None:
    """The cell returns at once; pause, step and seek are buttons."""
    replay = f"bar = %axon replay {RUN} -a axon --speed 2 --max-idle 1\nbar"
    notebook = open_notebook([BEGIN.format(home=home), SHOW, replay], size=(1180, 1000))
    notebook.run_all()
    page = notebook.page
    state = page.get_by_text("of 308 events ·")
    expect(state).to_be_visible(timeout=60_000)
    page.get_by_title("Pause", exact=True).click()
    expect(state).to_contain_text("paused", timeout=60_000)
    notebook.screenshot("replay-bar")
    before = int(state.inner_text().split()[0])
    page.get_by_title("Publish the next event").click()
    expect(state).to_contain_text(f"{before + 1} of 308", timeout=60_000)
    page.get_by_title("Stop; what was published stays").click()
    expect(state).to_contain_text("stopped", timeout=60_000)
    expect(page.locator(".axon .counts b")).to_have_text(f"{before + 1} events")
