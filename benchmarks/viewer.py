"""The event viewer in a real JupyterLab: smooth to which rate, late by how much, how heavy.

    python benchmarks/viewer.py                     # 1k to 40k events a second, latency
    python benchmarks/viewer.py --million           # one million events: scroll, filter, heap
    python benchmarks/viewer.py --rates 5000 --seconds 30

A server in this process makes the events, so that no disk is the limit; kernel, Jupyter
server and Chromium run beside it.  *Lost* counts what the page does not have at the end.
The peers, in the same run: one ``print`` per event, which is what people do without a
viewer, and Perspective's widget, if perspective-python is installed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.jupyter_server import JupyterServer
from tests.browser.notebook_page import NotebookPage
from tests.browser.viewer_page import CONNECT, Viewer
from tests.faults.rate_server import RateServer

RATES = (1_000, 5_000, 10_000, 20_000, 40_000)
PRINT = """\
with axon.subscribe() as events:
    for event in events:
        print(event.sequence, event.event_type, event.payload)
        if event.sequence == {count}:
            break
"""

# A table of Perspective, fed in batches by a thread; its widget follows the table.
PERSPECTIVE = """\
import threading
import perspective
from perspective.widget import PerspectiveWidget

names = ("sequence", "event_type", "source", "payload")
table = perspective.table({{"sequence": "integer", **{{n: "string" for n in names[1:]}}}})
subscription = axon.subscribe()

def feed():
    while (batch := subscription.next_batch()) is not None:
        table.update([{{n: getattr(event, n) for n in names}} for event in batch.events])

threading.Thread(target=feed, daemon=True).start()
PerspectiveWidget(table)
"""

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


def rate_run(opened: Any, rate: int, seconds: float) -> str:
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
            times = list(frames.times)
            return (
                f"{rate:>8,}  {frames.per_second:>7.1f}  {percentile(times, 0.5):>7.1f}  "
                f"{percentile(times, 0.95):>7.1f}  {frames.longest:>7.1f}  "
                f"{arrived / seconds:>10,.0f}  {count - found['events'] + found['lost']:>6,}"
            )


def print_run(opened: Any, rate: int, seconds: float) -> str:
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
            arrived = sum(text.count("\n") for text in lines)
            times = list(frames.times)
            return (
                f"{rate:>8,}  {frames.per_second:>7.1f}  {percentile(times, 0.5):>7.1f}  "
                f"{percentile(times, 0.95):>7.1f}  {frames.longest:>7.1f}  {'':>10}  "
                f"{max(0, count - arrived):>6,}"
            )


def perspective_run(opened: Any, rate: int, seconds: float) -> str:
    """The same events into the widget of Perspective; *lost* is what its table lacks."""
    with RateServer() as server:
        count = int(rate * seconds)
        with opened([CONNECT.format(url=server.base_url), PERSPECTIVE.format()]) as notebook:
            notebook.run_all()
            notebook.page.wait_for_selector("perspective-viewer", timeout=60_000)
            server.run(rate, count)
            frames = notebook.frames(seconds)
            arrived = int(notebook.execute("print(table.size())"))
            deadline = time.monotonic() + 30
            while (size := int(notebook.execute("print(table.size())"))) < count:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            times = list(frames.times)
            return (
                f"{rate:>8,}  {frames.per_second:>7.1f}  {percentile(times, 0.5):>7.1f}  "
                f"{percentile(times, 0.95):>7.1f}  {frames.longest:>7.1f}  "
                f"{arrived / seconds:>10,.0f}  {count - size:>6,}"
            )


def latency_run(opened: Any, rate: int, seconds: float) -> str:
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
            return (
                f"{len(ages)} events at {rate}/s: p50 {percentile(ages, 0.5):.0f} ms, "
                f"p95 {percentile(ages, 0.95):.0f} ms, p99 {percentile(ages, 0.99):.0f} ms"
            )


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
    with notebooks() as opened:
        if options.million:
            million_run(opened, options.count)
            return
        head = "events/s  frames/s      p50      p95  longest   arrived/s    lost"
        print(f"the viewer, {options.seconds:g} s each\n{head}")
        for rate in options.rates:
            print(rate_run(opened, rate, options.seconds), flush=True)
        print(f"\none print per event\n{head}")
        print(print_run(opened, min(options.rates), options.seconds), flush=True)
        if find_spec("perspective") is None:
            print("\nPerspective's widget is not installed: pip install perspective-python")
        else:
            print(f"\nPerspective's widget\n{head}")
            for rate in options.rates[:4]:
                print(perspective_run(opened, rate, options.seconds), flush=True)
        print(f"\nevent to pixel: {latency_run(opened, 100, options.seconds)}")


if __name__ == "__main__":
    main()
