"""The pictures of README and docs, taken of real cells in a real JupyterLab.

Each test takes one, into ``tests/out/``.  ``make pictures`` sets ``AXON_NOTEBOOK_PICTURES``, and
they go to ``docs/images/``.  They are kept as palettes, which keeps them small.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from ..docs.examples import seed
from .conftest import OpenNotebook
from .notebook_page import OUT, NotebookPage

#: Where pictures go; the suite alone must not change what is committed.
IMAGES = Path(os.environ.get("AXON_NOTEBOOK_PICTURES", OUT))
#: What JupyterLab adds to the cell that is selected.
QUIET = ".jp-cell-toolbar, .jp-Collapser { visibility: hidden !important; }"
SETUP = "%load_ext axon_notebook\nimport axon_notebook as an\n\nclient = an.connect()"
VIEWER = [
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
    SETUP,
    f'box = client.create_devbox("build", files={{"build.py": {BUILD!r}}})',
    "execution = box.run('python3 build.py')\nan.ExecutionLog(execution, height=230)",
]

CHAT = [
    SETUP,
    """\
axon = client.create_axon("talk")
mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp",
         "agent_binary": "axon-notebook-demo-agent"}
sums = "def total(numbers):\\n    return sum(numbers)\\n\\nprint(total([3, 4]))\\n"
files = {"sums.py": sums, "poem.txt": "the cat\\n"}
box = client.create_devbox("agent", mounts=[mount], files=files)""",
    "session = an.AgentSession(axon)\nan.AgentChat(session, height=640)",
]


def take(name: str, notebook: NotebookPage, first: int, last: int) -> Path:
    """Take a picture of the cells from *first* to *last*."""
    page = notebook.page
    page.add_style_tag(content=QUIET)
    page.evaluate("axonTest.panel().content.activeCellIndex = 0")
    top, bottom = notebook.cell(first).bounding_box(), notebook.cell(last).bounding_box()
    assert top is not None
    assert bottom is not None
    height = bottom["y"] + bottom["height"] - top["y"]
    clip = {"x": top["x"], "y": top["y"], "width": top["width"], "height": height}
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, clip=clip)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path


@pytest.fixture
def recorded(home: Path) -> Path:
    """The home of a service that has the recorded run; made before playwright's loop begins."""
    home.mkdir()
    seed(home, {"nightly": "agent_run.jsonl.gz"})
    return home


def test_a_recorded_run_is_seen_and_asked(recorded: Path, open_notebook: OpenNotebook) -> None:
    """The first thing that people see of this project is its README's picture."""
    begin = SETUP.replace("connect()", f'connect(home="{recorded}")')
    begin += '\naxon = client.axon("nightly")\n%axon use axon'
    notebook = open_notebook([begin, *VIEWER], size=(1180, 1250))

    notebook.run_all()
    expect(notebook.page.locator(".axon .state .word")).to_have_text("live")
    expect(notebook.page.locator(".axon .list .row:not([hidden])").last).to_be_visible()
    path = take("viewer", notebook, 1, 4)

    assert "ValueError: could not convert string to float" in notebook.output(4).last.inner_text()
    assert path.stat().st_size < 300_000


def test_a_command_is_shown_with_colours_and_a_progress_bar(open_notebook: OpenNotebook) -> None:
    """A log looks like the terminal that people know, or they go back to it."""
    notebook = open_notebook(LOG, size=(1180, 1000))

    notebook.run_all()
    expect(notebook.page.get_by_text("bundled as").last).to_be_visible(timeout=30_000)
    expect(notebook.page.get_by_text("exit 0").first).to_be_visible(timeout=30_000)
    path = take("log", notebook, 2, 2)

    assert path.stat().st_size < 300_000


def test_an_agent_asks_for_a_permission(open_notebook: OpenNotebook) -> None:
    """Who is asked sees what for: the plan, the calls before, the command itself."""
    notebook = open_notebook(CHAT, size=(1180, 1150))

    notebook.run_all()
    notebook.execute("session.prompt('count *').result(60)")
    notebook.execute("turn = session.prompt('run python3 sums.py')")
    allow = notebook.page.get_by_role("button", name="Allow", exact=True)
    expect(allow).to_be_visible(timeout=30_000)
    path = take("chat", notebook, 2, 2)
    allow.click()
    expect(notebook.page.locator(".ask-answer")).to_have_text("Allow")
    text = notebook.execute("print(turn.result(60).text); session.close(); box.shutdown()")

    assert "exit status 0" in text
    assert path.stat().st_size < 300_000
