"""A command's output in a notebook: our log, the notebook's own output area, xterm.js.

    python benchmarks/log.py               # 10,000 and 1,000,000 lines, then 50 logs at once
    python benchmarks/log.py --lines 100000 --without-many

One Chromium shows one JupyterLab; the three take turns in its page with the same
lines.  *Shown* is the time, on the page's clock, from the start (of our command: of the
cell that makes it print) until a frame shows the last line, and our log its count and the
exit status, *longest task* what the page's main thread was busy with without a break,
*memory* what the page's JavaScript holds more than before, buffers included and after a
collection, *search* the time until every match of a word is counted.  xterm.js keeps 100,000
lines, because it takes 1.7 KB for each; it is given the bytes without a kernel.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402
from report import report  # noqa: E402

from tests.browser import chromium  # noqa: E402
from tests.browser.jupyter_server import JupyterServer  # noqa: E402
from tests.browser.log_view import SETUP, LogView  # noqa: E402
from tests.browser.notebook_page import NotebookPage  # noqa: E402

XTERM = ROOT / "js" / "node_modules" / "@xterm" / "xterm"
KEPT = 100_000  # lines of xterm.js
LOGS = 50
QUESTIONS = 40
MIB = 1024 * 1024

WATCH = """() => {
  window.tasks = [];
  window.since = performance.now();
  window.watcher ??= new PerformanceObserver(list => {
    const fresh = list.getEntries().filter(entry => entry.startTime >= window.since);
    window.tasks.push(...fresh.map(entry => entry.duration));
  });
  window.watcher.observe({ type: 'longtask' });
}"""

SEARCH = """async ([root, word]) => {
  const input = root.querySelector('input.search');
  const at = root.querySelector('.at');
  const start = performance.now();
  input.value = word;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  const frame = () => new Promise(requestAnimationFrame);
  do await frame(); while (at.textContent === '' || at.textContent.endsWith('…'));
  return [performance.now() - start, at.textContent];
}"""

TERMINAL = """async ([address, kept]) => {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const box = document.body.appendChild(document.createElement('div'));
  box.style.cssText = 'position: fixed; inset: 100px; z-index: 1000';
  const start = performance.now();
  window.terminal = new Terminal({ cols: 140, rows: 30, scrollback: kept, convertEol: true });
  terminal.open(box);
  for (let at = 0; at < bytes.length; at += 1 << 20)
    await new Promise(done => terminal.write(bytes.subarray(at, at + (1 << 20)), done));
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""

#: From the moment the cell is sent until the last line, the count and the state are on the screen.
#: A saved display is refreshed at the end, and drawn anew then.
SHOWN = """async ([code, lines]) => {
  const start = performance.now();
  const executed = axonTest.execute(code);
  const frame = () => new Promise(requestAnimationFrame);
  let root = null;
  const found = () => [...document.querySelectorAll('.jp-OutputArea-output *')]
    .map(element => element.shadowRoot?.querySelector('.axon .pane')?.closest('.axon'))
    .find(Boolean);
  const text = selector => root.querySelector(selector)?.textContent ?? '';
  const last = (lines - 1).toLocaleString('en-US');
  const isShown = () => text('.state .word').includes('exit 0')
    && text('.counts b').replace(/\\D/g, '') === String(lines)
    && [...root.querySelectorAll('.line .text')].some(line => line.textContent.includes(last));
  do {
    await frame();
    if (!root?.isConnected) root = found();
  } while (!root || !isShown());
  const shown = performance.now() - start;
  await executed;
  return shown;
}"""

ASK = """async () => {
  const start = performance.now();
  const answer = await axonTest.execute('1 + 1');
  return [performance.now() - start, answer.text];
}"""

BUSY = """\
from IPython.display import display
counter = "import time; [print(i, flush=True) or time.sleep(.05) for i in range(1200)]"
logs = [an.ExecutionLog(run(f"exec {sys.executable} -uc '{counter}'"), height=120)
        for _ in range(%d)]
display(*logs)
"""


def coloured(count: int) -> Iterator[bytes]:
    """Lines of 100 bytes with colours, as a build prints them."""
    for n in range(count):
        head = (
            f"\x1b[32m{n:>9,}\x1b[0m \x1b[1;34mstep\x1b[0m the module number {n * 7919 % 100_003}"
        )
        yield head.encode().ljust(98, b".") + b"\r\n"


@dataclass
class Found:
    """What one of the three took for its lines.

    Attributes:
        shown: Seconds until the last line could be read.
        longest: Milliseconds of the longest task.
        memory: MiB held more than before.
        times: How many times the text that is.
        search: Milliseconds until every match was counted.
        matches: What the search said; empty where there is none.
    """

    shown: float = 0.0
    longest: float = 0.0
    memory: float = 0.0
    times: float = 0.0
    search: float = 0.0
    matches: str = ""


#: Shows the lines of a file and says what that took.
Take = Callable[["Page", Path, int], Found]


class Page:
    """What is measured in the one page."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.cdp = self.page.context.new_cdp_session(self.page)

    def memory(self) -> float:
        """Return MiB held by JavaScript, array buffers included, after a collection."""
        self.cdp.send("HeapProfiler.collectGarbage")
        usage: dict[str, Any] = self.cdp.send("Runtime.getHeapUsage")
        held = usage["usedSize"] + usage.get("backingStorageSize", 0)
        return float(held + usage.get("embedderHeapUsedSize", 0)) / MIB

    @contextmanager
    def row(self, name: str, size: int) -> Iterator[Found]:
        """Measure what happens inside, and print it."""
        before = self.memory()
        self.page.evaluate(WATCH)
        found = Found()
        start = time.monotonic()
        yield found
        found.shown = found.shown or time.monotonic() - start
        found.longest = max(self.page.evaluate("window.tasks"), default=0)
        found.memory = self.memory() - before
        found.times = found.memory * MIB / size
        searched = f"{found.search:,.0f} ms ({found.matches})" if found.matches else ""
        print(
            f"{name:<34} {found.shown:>8.1f} s {found.longest:>10,.0f} ms"
            f" {found.memory:>8,.0f} MiB {found.times:>6.1f} × text  {searched}",
            flush=True,
        )


def log_row(page: Page, file: Path, lines: int) -> Found:
    notebook = page.notebook
    notebook.run_cell(1)  # the command waits for a line, so that the widget's own start is over
    log = LogView(notebook)
    log.says("running")
    with page.row(f"our log, {lines:,} lines", file.stat().st_size) as found:
        asked = ["execution.send_stdin('go\\n')", lines]
        found.shown = page.page.evaluate(SHOWN, asked) / 1000
        word = [log.root.element_handle(), "number 777"]
        found.search, found.matches = page.page.evaluate(SEARCH, word)
    return found


def print_row(page: Page, file: Path, lines: int) -> Found:
    notebook = page.notebook
    with page.row(f"print() in the cell, {lines:,} lines", file.stat().st_size) as found:
        start = time.monotonic()
        notebook.page.evaluate("axonTest.run('notebook:run-cell', 2)")
        notebook.cell(2).get_by_text(f"{lines - 1:,}").last.wait_for(timeout=300_000)
        notebook.wait_idle(300)
        found.shown = time.monotonic() - start
    return found


def terminal_row(page: Page, file: Path, lines: int) -> Found:
    address = f"{page.notebook.server.url}files/{file.name}?token={page.notebook.server.token}"
    kept = min(lines, KEPT)
    size = min(file.stat().st_size, kept * 100)
    with page.row(f"xterm.js, {lines:,} lines, keeps {kept:,}", size) as found:
        found.shown = page.page.evaluate(TERMINAL, [address, kept]) / 1000
    page.page.evaluate("terminal.element.parentElement.remove(); terminal.dispose()")
    return found


def many(page: Page) -> None:
    """50 commands at once, each with a log: does the kernel still answer?"""
    notebook = page.notebook
    quiet = sorted(page.page.evaluate(ASK)[0] for _ in range(10))
    alone = quiet[len(quiet) // 2]
    notebook.page.evaluate("axonTest.run('notebook:run-cell', 3)")
    notebook.execute("1")
    answers = sorted(_answers(page, QUESTIONS))
    printed, running, left = _state(notebook)
    if (printed, running, left) != (LOGS, LOGS, "[]"):
        raise AssertionError(
            f"of {LOGS} commands {printed} had printed and {running} still ran; "
            f"threads left: {left}"
        )
    median, late = answers[QUESTIONS // 2], answers[QUESTIONS * 95 // 100]
    print(
        f"\n{LOGS} commands at once, each with a log: 1+1 takes {median:.0f} ms (median), "
        f"{late:.0f} ms (95 %), {answers[-1]:.0f} ms at most; without them {alone:.0f} ms"
    )
    for name, figure in (("median", median), ("95 %", late)):
        report(f"1+1 beside {LOGS} logs, {name}", "ms", figure, {"without them": alone}, goal=200)


def _answers(page: Page, count: int) -> Iterator[float]:
    for _ in range(count):
        ms, text = page.page.evaluate(ASK)
        if text != "2":
            raise AssertionError(f"1 + 1 gave {text!r}")
        yield ms
        page.page.wait_for_timeout(100)


def _state(notebook: NotebookPage) -> tuple[int, int, str]:
    """End the commands; return how many had printed, still ran, and what threads they left."""
    printed, running = notebook.execute(
        "print(sum(log.stats()['stdout_bytes'] > 0 for log in logs), "
        "sum(log.stats()['exit_status'] is None for log in logs))"
    ).split()
    notebook.execute("[log._execution.kill() for log in logs]; [log.close() for log in logs]")
    left = notebook.execute(
        "import threading; print([t.name for t in threading.enumerate() if 'axon-' in t.name])"
    )
    return int(printed), int(running), left.strip()


@contextmanager
def opened(server: JupyterServer, browser: Any, lines: int) -> Iterator[tuple[Page, Path]]:
    """Open a notebook for so many lines; gives the file with them, too."""
    file = server.root / f"lines-{lines}.txt"
    file.write_bytes(b"".join(coloured(lines)))
    printing = f"for line in open({str(file)!r}): print(line.rstrip())"
    command = (
        f"execution = run('read x; cat {file}', stdin=True)\nlog = an.ExecutionLog(execution)\nlog"
    )
    cells = [f"import sys\n{SETUP}", command, printing, BUSY % LOGS]
    name = server.notebook(f"log-{lines}", cells)
    notebook = NotebookPage(
        browser.new_page(viewport={"width": 1280, "height": 900}), server, name, "lab"
    )
    notebook.run_cell(0)
    notebook.page.add_script_tag(path=XTERM / "lib" / "xterm.js")
    notebook.page.add_style_tag(path=XTERM / "css" / "xterm.css")
    yield Page(notebook), file
    notebook.page.close()
    server.end_kernels()


def compared(server: JupyterServer, browser: Any, lines: int, takes: dict[str, Take]) -> None:
    """Let our log and its peers take the same lines, in turn, and report how they did."""
    with opened(server, browser, lines) as (page, file):
        mine = log_row(page, file, lines)
        peers = {name: take(page, file, lines) for name, take in takes.items()}
    what = f"{lines:,} lines"
    shown = {name: found.shown for name, found in peers.items()}
    longest = {name: found.longest for name, found in peers.items()}
    times = {name: found.times for name, found in peers.items()}
    report(f"{what}, shown", "s", mine.shown, shown)
    report(f"{what}, longest task", "ms", mine.longest, longest, goal=100)
    # A short log's memory is the widget's own.
    goal = 3.0 if lines >= KEPT else None
    report(f"{what}, memory", "× the text", mine.times, times, goal=goal)
    report(f"{what}, search", "ms", mine.search, goal=500)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--without-many", action="store_true", help="leave the 50 logs out")
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the long log")
    given = parser.parse_args()
    if not (path := chromium.find()) or not XTERM.exists():
        print(f"needs Chromium ({chromium.INSTALL}) and `npm ci` in js/")
        return 1
    print(f"load {os.getloadavg()[0]:.1f}, {chromium.describe()}")
    print(f"{'':<34} {'shown':>10} {'longest task':>13} {'memory':>12} {'':>13}  search")
    with (
        tempfile.TemporaryDirectory() as home,
        JupyterServer(Path(home) / "home") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        takes: dict[str, Take] = {"print()": print_row, "xterm.js": terminal_row}
        compared(server, browser, 10_000, takes)
        compared(server, browser, given.lines, {"xterm.js": terminal_row})
        if not given.without_many:
            with opened(server, browser, 100) as (page, _):
                many(page)
        browser.close()
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
