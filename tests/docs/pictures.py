"""Take the pictures of README and docs, in a real JupyterLab: ``make pictures``.

Each shows real cells and what they really show: a recorded run, a command, a conversation
with the demo agent.  They are written to ``docs/images/``, as palettes, which keeps them small.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from ..browser import chromium
from ..browser.jupyter_server import JupyterServer
from ..browser.notebook_page import NotebookPage
from .examples import DOCS, seed

IMAGES = DOCS / "images"
#: What JupyterLab adds to the cell that is selected.
QUIET = ".jp-cell-toolbar, .jp-Collapser { visibility: hidden !important; }"
CONNECT = """\
%load_ext axon_notebook
import axon_notebook as an

client = an.connect()"""

VIEWER = [
    f'{CONNECT}\naxon = client.axon("nightly")\n%axon use nightly',
    "#md\n## What did the agent do?",
    'an.EventViewer(axon, filter="-thought -permission", height=430)',
    "#md\nThe last tool call never returned: it waited for a lock. Who held it, and why?",
    """\
%%axonsql
SELECT payload ->> '$.update.toolCallId'                            AS call,
       payload ->> '$.update.rawOutput.exit_status'                 AS exit_status,
       trim(substr(payload ->> '$.update.content[0].content.text', -50), char(10)) AS said
FROM   events
WHERE  exit_status <> 0""",
]

BUILD = r"""
import sys, time

GREEN, BLUE, DIM, OFF = "\x1b[32m", "\x1b[1;34m", "\x1b[2m", "\x1b[0m"
print(f"{BLUE}==>{OFF} fetching 240 orders")
for done in range(0, 241, 6):
    bar = "━" * (done // 6)
    print(f"\r  {GREEN}{bar:<40}{OFF} {done:3}/240", end="", flush=True)
    time.sleep(0.01)
print()
print(f"{BLUE}==>{OFF} checking")
for name in ("prices", "products", "totals"):
    print(f"  {GREEN}✓{OFF} {name:<10} {DIM}0.{len(name)} s{OFF}")
print("\x1b[33mwarning:\x1b[0m 2 orders have no customer", file=sys.stderr)
print(f"{BLUE}==>{OFF} bundled as orders-2026-11.tar")
"""
LOG = [
    CONNECT,
    f'box = client.create_devbox("build", files={{"build.py": {BUILD!r}}})',
    "execution = box.run('python3 build.py')\nan.ExecutionLog(execution, height=230)",
]

CHAT = [
    CONNECT,
    """\
axon = client.create_axon("talk")
mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp",
         "agent_binary": "axon-notebook-demo-agent"}
sums = "def total(numbers):\\n    return sum(numbers)\\n\\nprint(total([3, 4]))\\n"
files = {"sums.py": sums, "poem.txt": "the cat\\n"}
box = client.create_devbox("agent", mounts=[mount], files=files)""",
    "session = an.AgentSession(axon)\nan.AgentChat(session, height=640)",
]


def take(name: str, notebook: NotebookPage, first: int, last: int) -> None:
    """Write the cells from *first* to *last* as ``docs/images/NAME.png``."""
    page = notebook.page
    page.evaluate("axonTest.panel().content.activeCellIndex = 0")
    top, bottom = notebook.cell(first).bounding_box(), notebook.cell(last).bounding_box()
    assert top is not None
    assert bottom is not None
    left, right = top["x"], top["x"] + top["width"]
    end = min(bottom["y"] + bottom["height"], page.viewport_size["height"] - 30)  # type: ignore[index]
    clip = {"x": left, "y": top["y"], "width": right - left, "height": end - top["y"]}
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, clip=clip)  # type: ignore[arg-type]
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    sys.stderr.write(f"{path.name}: {path.stat().st_size // 1000} kB\n")


def viewer(notebook: NotebookPage) -> None:
    """A recorded run, seen and asked."""
    notebook.run_all()
    expect(notebook.page.locator(".axon .state .word")).to_have_text("live", timeout=30_000)
    notebook.cell(0).scroll_into_view_if_needed()
    expect(notebook.page.locator(".axon .list .row:not([hidden])").first).to_be_visible()
    take("viewer", notebook, 1, 4)


def log(notebook: NotebookPage) -> None:
    """A command with colours and a progress bar."""
    notebook.run_all()
    expect(notebook.page.get_by_text("bundled as").last).to_be_visible(timeout=30_000)
    expect(notebook.page.get_by_text("exit 0").first).to_be_visible(timeout=30_000)
    take("log", notebook, 2, 2)


def chat(notebook: NotebookPage) -> None:
    """Two turns; the second waits for a permission."""
    notebook.run_all()
    notebook.execute("session.prompt('count *').result(60)")
    notebook.execute("turn = session.prompt('run python3 sums.py')")
    expect(notebook.page.get_by_role("button", name="Allow", exact=True)).to_be_visible(
        timeout=30_000
    )
    take("chat", notebook, 2, 2)
    notebook.execute("session.allow(); turn.result(60); session.close(); box.shutdown()")


SCENES: dict[Callable[[NotebookPage], None], tuple[list[str], int]] = {
    viewer: (VIEWER, 1250),
    log: (LOG, 1000),
    chat: (CHAT, 1150),
}


def take_all(server: JupyterServer, browser: Browser) -> None:
    """Play each scene in a page of its own."""
    for scene, (cells, height) in SCENES.items():
        if sys.argv[1:] and scene.__name__ not in sys.argv[1:]:
            continue
        page = browser.new_page(viewport={"width": 1180, "height": height})
        name = scene.__name__
        notebook = NotebookPage(page, server, server.notebook(name, cells), "lab")
        page.add_style_tag(content=QUIET)
        scene(notebook)
        page.close()
        server.end_kernels()


def main() -> int:
    if (path := chromium.find()) is None:
        sys.stderr.write(f"the pictures need Chromium: {chromium.INSTALL}\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "axon").mkdir(parents=True)
        seed(home / "axon", {"nightly": "agent_run.jsonl.gz"})
        with JupyterServer(home) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
            take_all(server, browser)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
