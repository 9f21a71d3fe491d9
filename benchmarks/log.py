"""A command's output in a notebook: our log, the notebook's own output area, xterm.js.

    python benchmarks/log.py               # 10,000 and 1,000,000 lines, then 50 logs at once
    python benchmarks/log.py --lines 100000

One Chromium shows one JupyterLab; the three take turns in its page with the same
lines.  *Shown* is the time from the start until the last line can be read, *longest
task* what the page's main thread was busy with without a break, *memory* what the
page's JavaScript holds more than before, buffers included and after a collection,
*search* the time until every match of a word is counted.  xterm.js keeps 100,000
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

ASK = """async () => {
  const start = performance.now();
  const answer = await axonTest.execute('1 + 1');
  return [performance.now() - start, answer.text];
}"""

BUSY = """\
from IPython.display import display
counter = "import time; [print(i, flush=True) or time.sleep(.05) for i in range(400)]"
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


class Page:
    """What is measured in the one page."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.cdp = self.page.context.new_cdp_session(self.page)
        self.rows: dict[str, tuple[float, float, float]] = {}

    def memory(self) -> float:
        """Return MiB held by JavaScript, array buffers included, after a collection."""
        self.cdp.send("HeapProfiler.collectGarbage")
        usage: dict[str, Any] = self.cdp.send("Runtime.getHeapUsage")
        held = usage["usedSize"] + usage.get("backingStorageSize", 0)
        return (held + usage.get("embedderHeapUsedSize", 0)) / MIB

    @contextmanager
    def row(self, name: str, size: int) -> Iterator[dict[str, Any]]:
        """Measure what happens inside, and print it."""
        before = self.memory()
        self.page.evaluate(WATCH)
        found: dict[str, Any] = {"search": ""}
        start = time.monotonic()
        yield found
        shown = found.get("shown") or time.monotonic() - start
        longest = max(self.page.evaluate("window.tasks"), default=0)
        held = self.memory() - before
        self.rows[name.partition(",")[0]] = (shown, longest, held)
        print(
            f"{name:<34} {shown:>8.1f} s {longest:>10,.0f} ms {held:>8,.0f} MiB"
            f" {held * MIB / size:>6.1f} × text  {found['search']}",
            flush=True,
        )


def log_row(page: Page, file: Path, lines: int) -> None:
    notebook = page.notebook
    notebook.run_cell(1)  # the command waits for a line, so that the widget's own start is over
    log = LogView(notebook)
    log.says("running")
    with page.row(f"our log, {lines:,} lines", file.stat().st_size) as found:
        start = time.monotonic()
        notebook.execute("execution.send_stdin('go\\n')")
        log.says("exit 0", timeout=200)
        log.page.wait_for_function(
            "([element, text]) => element.textContent.replace(/\\D/g, '') === text",
            arg=[log.counts.locator("b").element_handle(), str(lines)],
            timeout=200_000,
        )
        log.shows(f"{lines - 1:,}")
        found["shown"] = time.monotonic() - start
        ms, count = page.page.evaluate(SEARCH, [log.root.element_handle(), "number 777"])
        found["search"] = f"{ms:,.0f} ms ({count})"


def print_row(page: Page, file: Path, lines: int) -> None:
    notebook = page.notebook
    with page.row(f"print() in the cell, {lines:,} lines", file.stat().st_size) as found:
        start = time.monotonic()
        notebook.page.evaluate("axonTest.run('notebook:run-cell', 2)")
        notebook.cell(2).get_by_text(f"{lines - 1:,}").last.wait_for(timeout=300_000)
        notebook.wait_idle(300)
        found["shown"] = time.monotonic() - start


def terminal_row(page: Page, file: Path, lines: int) -> None:
    address = f"{page.notebook.server.url}files/{file.name}?token={page.notebook.server.token}"
    kept = min(lines, KEPT)
    size = min(file.stat().st_size, kept * 100)
    with page.row(f"xterm.js, {lines:,} lines, keeps {kept:,}", size) as found:
        found["shown"] = page.page.evaluate(TERMINAL, [address, kept]) / 1000
    page.page.evaluate("terminal.element.parentElement.remove(); terminal.dispose()")


def many(page: Page) -> None:
    """50 commands at once, each with a log: does the kernel still answer?"""
    notebook = page.notebook
    quiet = [page.page.evaluate(ASK)[0] for _ in range(10)]
    notebook.page.evaluate("axonTest.run('notebook:run-cell', 3)")
    notebook.execute("1")
    answers: list[float] = []
    while len(answers) < 40:
        ms, text = page.page.evaluate(ASK)
        answers.append(ms)
        if text != "2":
            raise AssertionError(f"1 + 1 gave {text!r}")
        page.page.wait_for_timeout(100)
    state = notebook.execute(
        "print(sum(log.stats()['stdout_bytes'] > 0 for log in logs), "
        "sum(log.stats()['exit_status'] is None for log in logs))"
    )
    notebook.execute("[log._execution.kill() for log in logs]; [log.close() for log in logs]")
    left = notebook.execute(
        "import threading; print([t.name for t in threading.enumerate() if 'axon' in t.name])"
    )
    answers.sort()
    peers = {"without them": sorted(quiet)[len(quiet) // 2]}
    report(f"1+1 beside {LOGS} logs, median", "ms", answers[len(answers) // 2], peers)
    print(
        f"\n{LOGS} commands at once, each with a log ({state.split()[0]} had printed, "
        f"{state.split()[1]} still ran): 1+1 takes {answers[len(answers) // 2]:.0f} ms "
        f"(median), {answers[-2]:.0f} ms (95 %), {answers[-1]:.0f} ms at most; "
        f"without them {sorted(quiet)[len(quiet) // 2]:.0f} ms; threads left: {left.strip()}"
    )


def report_rows(page: Page, lines: int) -> None:
    """Hand over what was measured with one file: our log's figures beside those of the others."""
    if "our log" not in page.rows:
        return
    mine = page.rows.pop("our log")
    for at, (what, unit) in enumerate((("shown", "s"), ("longest task", "ms"), ("memory", "MiB"))):
        peers = {name: found[at] for name, found in page.rows.items()}
        report(f"{lines:,} lines, {what}", unit, mine[at], peers)


def measure(
    server: JupyterServer, browser: Any, lines: int, rows: list[Callable[..., None]]
) -> None:
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
    page = Page(notebook)
    for row in rows:
        row(page, file, lines) if row is not many else many(page)
    report_rows(page, lines)
    notebook.page.close()
    server.end_kernels()


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
        measure(server, browser, 10_000, [log_row, print_row, terminal_row])
        measure(server, browser, given.lines, [log_row, terminal_row])
        if not given.without_many:
            measure(server, browser, 100, [many])
        browser.close()
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
