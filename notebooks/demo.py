"""Open the quickstart in JupyterLab, or execute it and print what it shows.

python notebooks/demo.py              # JupyterLab, in the browser
python notebooks/demo.py --headless   # no browser: run all cells, print their results
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
QUICKSTART = HERE / "01_quickstart.ipynb"

NEXT = """
JupyterLab opens {notebook}.  Run its cells one by one (Shift+Enter).

  The data is kept in   {home}
  Look at the service   .venv/bin/axon-notebook status
  End it                .venv/bin/axon-notebook stop   (it also ends by itself after 30 minutes)
  End JupyterLab        Ctrl-C, twice
"""


def open_lab() -> int:
    from axon_notebook.config import home_directory

    print(NEXT.format(notebook=QUICKSTART.name, home=home_directory()))
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(HERE)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container, where there is nobody else
    try:
        return subprocess.call([*command, f"--LabApp.default_url=/lab/tree/{QUICKSTART.name}"])
    except KeyboardInterrupt:
        return 0


def run_headless(notebook: Path) -> int:
    """Execute every cell in a real kernel; the first error ends it with exit code 1."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    from axon_notebook.config import home_directory
    from axon_notebook.local.process.launcher import find_service, stop_service

    running_before = find_service(home_directory()) is not None
    book = nbformat.read(notebook, as_version=4)
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(HERE)}})
    try:
        client.execute()
    except CellExecutionError as error:
        print_cells(book.cells)
        print(f"\nthe notebook stopped: {error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    finally:
        if not running_before:
            stop_service(home_directory())
    print_cells(book.cells)
    return 0


def print_cells(cells: list[Any]) -> None:
    for cell in cells:
        if cell.cell_type != "code":
            continue
        print("\n".join(f">>> {line}" for line in cell.source.splitlines()))
        for output in cell.get("outputs", []):
            print(plain(output).rstrip())
        print()


def plain(output: Any) -> str:
    """An output as a terminal would show it."""
    if output.output_type == "stream":
        # A line that was rewritten in place shows as what stood there last.
        return "\n".join(line.rsplit("\r", 1)[-1] for line in output.text.splitlines())
    if output.output_type == "error":
        return "\n".join(output.traceback)
    text: str = output.data.get("text/plain", "")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--headless", action="store_true", help="execute it and print the results")
    parser.add_argument("--notebook", type=Path, default=QUICKSTART, help="another notebook")
    args = parser.parse_args()
    return run_headless(args.notebook) if args.headless else open_lab()


if __name__ == "__main__":
    sys.exit(main())
