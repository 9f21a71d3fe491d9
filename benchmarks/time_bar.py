"""The viewer's time bar: what a step costs, and how soon a saved file is there.

    python benchmarks/time_bar.py

A step to a random moment is measured where it is computed, with a million events: the cut of the
rows, the counts, the chart's bars.  In Chromium, with 100,000 events in a saved file: the time
from opening it to the last row, and from a step to the frame that shows it.  The peer of a step is
what it would cost without the cut: building the rows anew.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright
from report import report

import axon_notebook as an
import hatch_build
from tests.browser import chromium

JS = Path(__file__).parents[1] / "js"
STEPS = """
import { Store } from "./src/events/event-store.ts";
import { Tally } from "./src/events/tally.ts";
import { compileFilter } from "./src/filter/filter.ts";
import { Rows } from "./src/viewer/rows.ts";
const COUNT = 1_000_000;
const store = new Store();
store.beginEpoch("");
const types = ["message", "tool.call", "tool.result", "note", "agent.error"];
for (let n = 1; n <= COUNT; n++)
  store.add({
    sequence: n, axon_id: "a", timestamp_ms: 1.7e12 + n * 3, origin: "AGENT_EVENT",
    source: `s${n % 20}`, event_type: types[n % 5], payload: `{"n":${n},"text":"a few words"}`,
  });
const options = { filter: compileFilter(process.argv[2] ?? "", store), fold: true,
  limit: Infinity, since: 0, time: null, unfolded: new Set() };
const made = (limit) => {
  const rows = new Rows(store, { ...options, limit });
  rows.setFrame((lane) => lane.position(1), new Map());
  rows.update(Infinity);
  return rows;
};
const rows = made(Infinity);
const steps = [], anew = [];
for (let i = 0; i < 200; i++) {
  const at = 1 + Math.floor(Math.random() * COUNT);
  const started = performance.now();
  rows.setLimit(at);
  const tally = new Tally(store, at, 1000);
  tally.histogram.bars(1.7e12, 1.7e12 + 3 * COUNT, 200);
  for (let row = rows.length - 30; row < rows.length; row++) rows.row(row);
  steps.push(performance.now() - started);
  if (tally.size !== at) throw new Error("wrong count");
  if (i % 40 === 0) {
    const begun = performance.now();
    made(at);
    anew.push(performance.now() - begun);
  }
}
console.log(JSON.stringify({ steps, anew }));
"""
EVENTS = 100_000
#: From the file to the row of its last event.
OPENED = """() => new Promise((done) => {
  const look = () => {
    const rows = document.querySelector('#widget div')?.shadowRoot?.querySelectorAll('.row .seq');
    const found = [...(rows ?? [])].some((e) => e.textContent === '%d');
    if (found) done(performance.now()); else requestAnimationFrame(look);
  };
  look();
})"""
#: From a step to the frame after the one that draws it.
STEP = """(rank) => new Promise((done) => {
  const root = document.querySelector('#widget div').shadowRoot;
  const slider = root.querySelector('input.moment');
  const begun = performance.now();
  slider.value = rank;
  slider.dispatchEvent(new Event('input'));
  const look = () => {
    const shown = [...root.querySelectorAll('.row .seq')].some((e) => e.textContent === `${rank}`);
    if (shown) done(performance.now() - begun); else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def computed() -> dict[str, list[float]]:
    """Milliseconds of steps, and of building rows anew, among a million events."""
    node, _ = hatch_build.node_and_npm()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "steps.cjs"
        esbuild = JS / "node_modules" / "esbuild" / "bin" / "esbuild"
        command = [node, esbuild, "--bundle", "--platform=node", f"--outfile={bundle}"]
        options = ["--loader=ts", "--sourcefile=steps.ts", "--log-level=error"]
        subprocess.run([*command, *options], input=STEPS, text=True, check=True, cwd=JS)
        run = [node, "--max-old-space-size=4096", bundle]
        found: dict[str, list[float]] = json.loads(subprocess.check_output(run, text=True))
        return found


def saved(folder: Path) -> Path:
    """A viewer with EVENTS events, in a file."""
    lines = (
        json.dumps({
            "sequence": n,
            "timestamp_ms": 1_795_000_000_000 + 20 * n,
            "origin": "AGENT_EVENT",
            "source": f"worker-{n % 7}",
            "event_type": ("note", "tool.call", "tool.result", "metric")[n % 4],
            "payload": json.dumps({"n": n, "text": f"a few words about step {n * 7919 % 10007}"}),
        })
        for n in range(1, EVENTS + 1)
    )  # fmt: skip
    (folder / "run.jsonl").write_text("\n".join(lines) + "\n")
    with an.open_recording(folder / "run.jsonl") as recording, an.EventViewer(recording) as viewer:
        viewer.wait_for_history(120)
        return viewer.save_html(folder / "run.html")


def in_page(file: Path) -> tuple[list[float], list[float]]:
    """Milliseconds until the file is there, and of steps in it."""
    opened, steps = [], []
    with sync_playwright() as playwright:
        path = chromium.find()
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        for _ in range(3):
            page = browser.new_context(offline=True).new_page()
            page.goto(file.as_uri(), wait_until="commit")
            opened.append(page.evaluate(OPENED % EVENTS))
        for number in range(40):
            steps.append(page.evaluate(STEP, 1 + number * 7919 * 13 % (EVENTS - 1)))
        browser.close()
    return opened, steps


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    found = computed()
    steps, anew = found["steps"], found["anew"]
    print(f"step of 1,000,000: median {statistics.median(steps):.1f} ms, largest {max(steps):.1f}")
    peers = {"building the rows anew": statistics.median(anew)}
    report("step of the time bar, 1,000,000 events, 95 %", "ms", p95(steps), peers, goal=50)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        file = saved(Path(folder))
        size = file.stat().st_size / 1e6
        print(f"{EVENTS:,} events saved in {time.monotonic() - started:.1f} s, {size:.1f} MB")
        opened, drawn = in_page(file)
    print(f"opened in {opened} ms; step to its frame: {statistics.median(drawn):.1f} ms")
    report(f"a saved file of {EVENTS:,} events is there", "ms", min(opened), goal=2000)
    report(f"step of the time bar to its frame, {EVENTS:,} events", "ms", statistics.median(drawn))


if __name__ == "__main__":
    main()
