"""The table of runs, as a person sorts it and opens a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service

from .conftest import OpenNotebook

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = """async () => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output *')];
  const host = outputs.find((element) => element.shadowRoot?.querySelector('.scroller'));
  host.parentElement.classList.add('axon-here');
  const found = await axe.run({ include: [['.axon-here']] }, { resultTypes: ['violations'] });
  return found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}"""
SHOW = """\
import axon_notebook as an
client = an.connect(home="{home}")
table = an.RunsTable(client.axon_set("run-*"))
table"""


@pytest.fixture
def runs(home: Path) -> Path:
    """Two runs of an agent, and an axon without one."""
    try:
        with an.connect(home=home) as client:
            for n in range(2):
                client.import_recording(RUN, f"run-{n}")
            client.create_axon("run-plain").publish("note", {})
    finally:
        stop_service(home)
    return home


@pytest.mark.parametrize(("theme", "size"), [("light", (1180, 900)), ("dark", (560, 900))])
def test_runs_are_sorted_and_opened(
    runs: Path, open_notebook: OpenNotebook, theme: str, size: tuple[int, int]
) -> None:
    notebook = open_notebook([SHOW.format(home=runs)], size=size, theme=theme)
    notebook.run_all()
    page = notebook.page
    names = page.locator(".axon tbody td.text:nth-child(2)")
    expect(names).to_have_text(["run-plain", "run-1", "run-0"], timeout=60_000)
    page.get_by_role("button", name="axon name").click()
    expect(names).to_have_text(["run-0", "run-1", "run-plain"])
    page.get_by_role("button", name="axon name").click()
    expect(names).to_have_text(["run-plain", "run-1", "run-0"])
    page.get_by_role("button", name="turns", exact=True).click()
    expect(names).to_have_text(["run-1", "run-0", "run-plain"])
    notebook.screenshot(f"runs-{theme}")
    page.add_script_tag(path=AXE)
    assert page.evaluate(CHECK) == []

    page.get_by_role("button", name="events of run-0").click()
    expect(page.get_by_role("region", name="Event viewer run-0")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="trace of run-1").click()
    expect(page.get_by_role("region", name="Timeline run-1")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("region", name="Event viewer run-0")).to_have_count(0)
    notebook.screenshot(f"runs-opened-{theme}")
