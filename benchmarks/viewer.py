"""The event viewer in a real JupyterLab: smooth to which rate, late by how much, how heavy.

    python benchmarks/viewer.py                     # 1k to 40k events a second, latency
    python benchmarks/viewer.py --million           # one million events: scroll, filter, heap
    python benchmarks/viewer.py --rates 5000 --seconds 30

A server in this process makes the events, so that no disk is the limit; kernel, Jupyter
server and Chromium run beside it.  *Lost* counts what the page does not have at the end.
The peers, in the same run: one ``print`` per event, which is what people do without a
viewer, and Perspective's widget, which pip installs into a folder of its own for this.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright
from report import report

from tests.browser import chromium
from tests.browser.jupyter_server import JupyterServer
from tests.browser.notebook_page import NotebookPage
from tests.browser.viewer_page import CONNECT, Viewer
from tests.faults.rate_server import RateServer

RATES = (1_000, 5_000, 10_000, 20_000, 40_000)
#: A page that prints more than this is busy for minutes afterwards.
MOST_PRINTS = 5_000
#: At 20,000 events/s its page had not shown the last one after two minutes.
MOST_PERSPECTIVE = 10_000
#: Milliseconds: every second frame of a screen with 60 Hz.
SMOOTH = 34
INSTALLED = Path(__file__).parents[1] / ".make" / "perspective"
PRINT = """\
with axon.subscribe() as events:
    for event in events:
        print(event.sequence, event.event_type, event.payload)
        if event.sequence == {count}:
            break
"""

# A table of Perspective, fed in batches by a thread; its widget follows the table.  The first
# row is there from the start, so that one can wait until its grid draws.  The newest are on top:
# otherwise the grid would stay at the first rows and draw nothing.
PERSPECTIVE = """\
import threading
import perspective
from perspective.widget import PerspectiveWidget

names = ("sequence", "event_type", "source", "payload")
table = perspective.table({{"sequence": "integer", **{{n: "string" for n in names[1:]}}}})
table.update([{{"sequence": 0, **dict.fromkeys(names[1:], "")}}])
subscription = axon.subscribe()

def feed():
    while (batch := subscription.next_batch()) is not None:
        table.update([{{n: getattr(event, n) for n in names}} for event in batch.events])

threading.Thread(target=feed, daemon=True).start()
PerspectiveWidget(table, sort=[["sequence", "desc"]])
"""
#: How many cells its grid shows; they are in shadow roots.
GRID = """() => {
  const all = (root) => [...root.querySelectorAll('*')]
    .flatMap((element) => [element, ...(element.shadowRoot ? all(element.shadowRoot) : [])]);
  return all(document).filter((e) => e.tagName === 'TD' && e.closest('regular-table')).length;
}"""

# The store of the viewer is its own; what a person sees is the header.
SHOWN = """() => {
  const viewer = [...document.querySelectorAll('.jp-OutputArea-output *')]
    .map((element) => element.shadowRoot?.querySelector('.axon')).find(Boolean);
  const number = (text) => Number((text ?? '').replace(/[^0-9]/g, '') || 0);
  return viewer ? {
    events: number(viewer.querySelector('.counts b').textContent),
    lost: number(viewer.querySelector('.lost').textContent),
    kept: viewer.querySelector('.kept').textContent,
    shown: viewer.querySelector('.shown').textContent,
  } : null;
}"""

# How old the newest event is when the frame that shows it has been drawn.
LATENCY = """(milliseconds) => new Promise((resolve) => {
  const list = [...document.querySelectorAll('.jp-OutputArea-output *')]
    .map((element) => element.shadowRoot?.querySelector('.axon .list')).find(Boolean);
  const ages = [];
  const seen = new Set();
  const began = performance.now();
  const tick = () => {
    for (const row of list.querySelectorAll('.row:not([hidden])')) {
      const sequence = row.querySelector('.seq')?.textContent;
      const made = /"?t"? ?(\\d{13}(\\.\\d+)?)/.exec(row.textContent)?.[1];
      if (!sequence || !made || seen.has(sequence)) continue;
      seen.add(sequence);
      if (performance.now() - began > 500) ages.push(Date.now() - Number(made));
    }
    if (performance.now() - began > milliseconds) resolve(ages);
    else requestAnimationFrame(() => setTimeout(tick));
  };
  tick();
})"""


@contextmanager
def notebooks() -> Iterator[Any]:
    """Open notebooks in one JupyterLab, each in a page of its own."""
    path = chromium.find()
    if path is None:
        raise SystemExit(f"this needs Chromium: {chromium.INSTALL}")
    with (
        tempfile.TemporaryDirectory() as home,
        JupyterServer(Path(home)) as jupyter,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)

        @contextmanager
        def opened(cells: list[str]) -> Iterator[NotebookPage]:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            try:
                yield NotebookPage(page, jupyter, jupyter.notebook("benchmark", cells), "lab")
            finally:
                page.close()
                jupyter.end_kernels()

        yield opened
        browser.close()


def percentile(values: list[float], share: float) -> float:
    return (
        sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
    )


@dataclass(frozen=True)
class Flow:
    """How a page did while events came: frame times in ms, and what it has in the end."""

    rate: int
    times: tuple[float, ...]
    per_second: float
    arrived: float | None
    lost: int

    @property
    def p95(self) -> float:
        return percentile(list(self.times), 0.95)

    def __str__(self) -> str:
        arrived = "" if self.arrived is None else f"{self.arrived:,.0f}"
        return (
            f"{self.rate:>8,}  {self.per_second:>7.1f}  {percentile(list(self.times), 0.5):>7.1f}  "
            f"{self.p95:>7.1f}  {max(self.times):>7.1f}  {arrived:>10}  {self.lost:>6,}"
        )


def rate_run(opened: Any, rate: int, seconds: float) -> Flow:
    """Events at *rate*; frames while they come, and what is there in the end."""
    with RateServer() as server:
        viewer = "viewer = an.EventViewer(axon, max_bytes=2 * 10**9)\nviewer"
        with opened([CONNECT.format(url=server.base_url), viewer]) as notebook:
            notebook.run_all()
            Viewer(notebook).is_live()
            count = int(rate * seconds)
            server.run(rate, count)
            frames = notebook.frames(seconds)
            arrived = notebook.page.evaluate(SHOWN)["events"]
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                found = notebook.page.evaluate(SHOWN)
                if found["events"] >= count and not found["kept"]:
                    break
                time.sleep(0.1)
            lost = count - found["events"] + found["lost"]
            return Flow(rate, frames.times, frames.per_second, arrived / seconds, lost)


def print_run(opened: Any, rate: int, seconds: float) -> Flow:
    """The same events, one print each."""
    with RateServer() as server:
        count = int(rate * seconds)
        cells = [CONNECT.format(url=server.base_url), PRINT.format(count=count)]
        with opened(cells) as notebook:
            notebook.run_cell(0)
            server.run(rate, count)
            notebook.run_cell(1, wait=False)
            frames = notebook.frames(seconds)
            notebook.wait_idle(120)
            lines = notebook.output(1).all_inner_texts()
            lost = max(0, count - sum(text.count("\n") for text in lines))
            return Flow(rate, frames.times, frames.per_second, None, lost)


def perspective_run(opened: Any, rate: int, seconds: float) -> Flow:
    """The same events into the widget of Perspective; *lost* is what its table lacks."""
    with RateServer() as server:
        count = int(rate * seconds)
        with opened([CONNECT.format(url=server.base_url), PERSPECTIVE.format()]) as notebook:
            notebook.run_all()
            notebook.page.wait_for_function(f"({GRID})() > 0", timeout=60_000)
            server.run(rate, count)
            frames = notebook.frames(seconds)
            arrived = int(notebook.execute("print(table.size() - 1)"))
            deadline = time.monotonic() + 30
            while (size := int(notebook.execute("print(table.size() - 1)"))) < count:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            notebook.page.wait_for_function(f"({GRID})() >= 40", timeout=30_000)  # it drew them
            return Flow(rate, frames.times, frames.per_second, arrived / seconds, count - size)


def install_perspective() -> bool:
    """Put perspective-python where the kernels of this run find it, and nobody else does.

    It needs nothing that is not here; its widget is built on anywidget too.
    """
    if not (INSTALLED / "perspective").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        done = subprocess.run([*pip, "--target", str(INSTALLED), "perspective-python"], check=False)
        if done.returncode != 0:
            return False
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(INSTALLED), *([before] if before else [])])
    return True


def latency_run(opened: Any, rate: int, seconds: float) -> list[float]:
    """From the making of an event to the frame that shows it."""
    from axon_notebook.models import AxonEvent

    def stamped(sequence: int) -> AxonEvent:
        payload = f'{{"t": {time.time() * 1000:.1f}}}'
        return AxonEvent(sequence, "axn_1", 0, "AGENT_EVENT", "benchmark", "tick", payload)

    with RateServer(make=stamped) as server:
        viewer = "viewer = an.EventViewer(axon)\nviewer"
        with opened([CONNECT.format(url=server.base_url), viewer]) as notebook:
            notebook.run_all()
            Viewer(notebook).is_live()
            server.run(rate, int(rate * (seconds + 2)))
            ages = notebook.page.evaluate(LATENCY, 1000 * seconds)
            return list(ages)


def million_run(opened: Any, count: int) -> None:
    """Load, scroll from end to end, filter, and weigh the page."""
    with RateServer() as server:
        viewer = "viewer = an.EventViewer(axon, max_bytes=2 * 10**9)\nviewer"
        with opened([CONNECT.format(url=server.base_url), viewer]) as notebook:
            page = notebook.page
            session = page.context.new_cdp_session(page)
            before = heap(session)
            server.run(10**9, count)
            began = time.monotonic()
            notebook.run_all()
            view = Viewer(notebook)
            while (found := page.evaluate(SHOWN)) is None or found["events"] < count:
                time.sleep(0.2)
            print(f"{found['events']:,} events in the page after {time.monotonic() - began:.1f} s")
            print(f"heap of the page: {heap(session) - before:.0f} MB above the empty notebook's")
            frames = page.evaluate(SCROLL)
            p50, p95 = percentile(frames, 0.5), percentile(frames, 0.95)
            print(
                f"scroll end to end and back, {len(frames)} frames: p50 {p50:.1f}, p95 {p95:.1f} ms"
            )
            for text in ("type:tool.call", "n777777n", "/needle.{4}n77/"):
                view.filter.fill("")
                time.sleep(1)
                print(f"filter {text}: {filter_time(view, text)}")


def heap(session: Any) -> float:
    """Megabytes of JavaScript objects and array buffers, after a collection."""
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


# Drags the scroll bar from the end to the start and back, a little with each frame.
SCROLL = """() => new Promise((resolve) => {
  const list = [...document.querySelectorAll('.jp-OutputArea-output *')]
    .map((element) => element.shadowRoot?.querySelector('.axon .list')).find(Boolean);
  const steps = 240;
  const times = [];
  let step = 0;
  let last = performance.now();
  list.dispatchEvent(new WheelEvent('wheel', { deltaY: -1 }));
  const tick = (now) => {
    if (step > 0) times.push(now - last);
    last = now;
    const part = Math.abs(1 - (2 * step) / steps);
    list.scrollTop = part * (list.scrollHeight - list.clientHeight);
    if (++step > steps) resolve(times);
    else requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})"""

# From the filter's change to the first rows, and to the whole count.
FILTER = """(text) => new Promise((resolve) => {
  const root = [...document.querySelectorAll('.jp-OutputArea-output *')]
    .map((element) => element.shadowRoot?.querySelector('.axon')).find(Boolean);
  const box = root.querySelector('input.filter');
  const shown = () => root.querySelector('.shown').textContent;
  const began = performance.now();
  let longest = 0;
  let last = began;
  box.value = text;
  box.dispatchEvent(new Event('input'));
  box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (/ of /.test(shown()) && !/…/.test(shown())) resolve([now - began, longest, shown()]);
    else requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})"""


def filter_time(view: Viewer, text: str) -> str:
    whole, longest, shown = view.page.evaluate(FILTER, text)
    return f"{shown} after {whole:.0f} ms, longest frame {longest:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=int, nargs="+", default=RATES)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--million", action="store_true", help="one million events instead")
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"load average {load:.1f} on {os.cpu_count()} cores; times in ms\n")
    peers: dict[str, tuple[Callable[..., Flow], list[int]]] = {
        "one print per event": (print_run, [r for r in options.rates if r <= MOST_PRINTS]),
    }
    if not options.million and install_perspective():
        slow = [rate for rate in options.rates if rate <= MOST_PERSPECTIVE]
        peers["Perspective's widget"] = (perspective_run, slow)
    with notebooks() as opened:
        if options.million:
            million_run(opened, options.count)
            return
        head = "events/s  frames/s      p50      p95  longest   arrived/s    lost"
        flows: dict[str, list[Flow]] = {}
        for name, (measure, rates) in {"the viewer": (rate_run, options.rates), **peers}.items():
            print(f"\n{name}, {options.seconds:g} s each\n{head}")
            flows[name] = []
            for rate in rates:
                flows[name].append(measure(opened, rate, options.seconds))
                print(flows[name][-1], flush=True)
        report_flows(flows)
        report_latency(latency_run(opened, 100, options.seconds))


def report_flows(flows: dict[str, list[Flow]]) -> None:
    """Hand over the frames and the losses of each rate, peers beside ours."""
    ours = flows.pop("the viewer")
    for flow in ours:
        others = {name: f for name, found in flows.items() for f in found if f.rate == flow.rate}
        smooth = {name: other.p95 for name, other in others.items()}
        report(f"p95 frame at {flow.rate:,} events/s", "ms", flow.p95, smooth, goal=SMOOTH)
        lost = {name: float(other.lost) for name, other in others.items()}
        report(f"lost at {flow.rate:,} events/s", "", flow.lost, lost, goal=0)


def report_latency(ages: list[float]) -> None:
    """Print and hand over the milliseconds from an event to its pixel."""
    shares = {0.5: 60, 0.95: None, 0.99: 120}
    found = {share: percentile(ages, share) for share in shares}
    text = ", ".join(f"p{100 * share:.0f} {value:.0f} ms" for share, value in found.items())
    print(f"\nevent to pixel at 100 events/s, {len(ages)} events: {text}")
    for share, goal in shares.items():
        name = f"event to pixel at 100 events/s, p{100 * share:.0f}"
        report(name, "ms", found[share], goal=goal)


if __name__ == "__main__":
    main()
