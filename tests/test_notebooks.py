"""The example notebooks run, from the first cell to the last, in a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.kernel
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(
    path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example that does not run teaches nothing."""
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", str(home))
    monkeypatch.delenv("RUNLOOP_API_KEY", raising=False)
    monkeypatch.delenv("RUNLOOP_BASE_URL", raising=False)
    book = nbformat.read(path, as_version=4)

    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()

    ran = [cell for cell in book.cells if cell.cell_type == "code" and cell.source]
    assert all(cell.execution_count for cell in ran)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """Outputs hold times and ids of somebody's machine, and make every diff unreadable."""
    book = nbformat.read(path, as_version=4)

    assert [cell.source for cell in book.cells if cell.get("outputs")] == []
