"""Completion where people meet it: Tab in a cell of JupyterLab."""

from __future__ import annotations

from playwright.sync_api import expect

from ..waiting import wait_until
from .conftest import OpenNotebook


def test_tab_offers_tables_columns_and_variables(open_notebook: OpenNotebook) -> None:
    """What the axon has, by the first letters, and nothing of Python in between."""
    notebook = open_notebook(
        [
            "%load_ext axon_notebook",
            "%axon create completed",
            "%axonsql CREATE TABLE deployments(service TEXT, finished_at INTEGER)",
            "cutoff = 5\nt = %axon tables",
            "%%axonsql\nSELECT d.fin FROM deployments d",
            "%%axonsql\nSELECT * FROM depl",
            "%%axonsql\nSELECT * FROM events WHERE sequence > :cut",
        ]
    )
    for cell in range(4):
        notebook.run_cell(cell)

    def offered(cell: int, after: str) -> list[str]:
        """Put the cursor behind *after*, press Tab, and read what is offered or was filled in."""
        notebook.edit(cell)
        notebook.page.keyboard.press("Control+Home")
        text = notebook.cell(cell).locator(".cm-content").inner_text()
        for _ in range(text.index(after) + len(after)):
            notebook.page.keyboard.press("ArrowRight")
        notebook.page.keyboard.press("Tab")
        matches = notebook.page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-match")
        content = notebook.cell(cell).locator(".cm-content")
        wait_until(lambda: matches.count() or content.inner_text() != text)
        items = matches.all_inner_texts()
        notebook.page.keyboard.press("Escape")
        expect(matches).to_have_count(0)
        return [*items, notebook.cell(cell).locator(".cm-content").inner_text()]

    assert "finished_at" in " ".join(offered(4, "d.fin"))
    assert "deployments" in " ".join(offered(5, "FROM depl"))
    assert "cutoff" in " ".join(offered(6, ":cut"))
    expect(notebook.output(2)).not_to_contain_text("Error")
