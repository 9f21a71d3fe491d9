"""The timeline in a real JupyterLab: how smoothly a hundred thousand bars move.

    python benchmarks/timeline.py
    python benchmarks/timeline.py --spans 10000 100000 --frames 360

Each frame is given one turn of the wheel: ten zoom in, ten move right, ten left, ten zoom
out.  The peer, in the same run, is a timeline of a hundred bars: what its page takes for a
frame is the machine's and JupyterLab's, not the bars'.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from report import report
from viewer import notebooks, percentile

FEW = 100
SPANS = (100_000,)
#: Milliseconds of a frame at 60 Hz, and what a clock of 0.1 ms may add.
SMOOTH = 17
BEGIN = """\
import axon_notebook as an
from axon_notebook.widgets.timeline_spans import Span
client = an.connect()
timeline = an.Timeline(client.create_axon("benchmark"), height=300)
timeline"""
# Spans are put where the reader thread would put them: 99 calls in each turn, every lane in use.
FILL = """\
store = timeline._spans
with store._spans_lock:
    for n in range(1, {count} + 1):
        turn = n - (n - 1) % 100
        end = n * 10 + (900 if n == turn else 7 + n % 40)
        status = "failed" if n % 997 == 0 else "completed"
        kind = "turn" if n == turn else "tool"
        parent = 0 if n == turn else turn
        store._spans._set(Span(n, parent, kind, f"step {{n}}", status, n * 10, end, n, n), n)
timeline._notify(stat=True)"""
FIND = """[...document.querySelectorAll('.jp-OutputArea-output *')]
  .map((element) => element.shadowRoot?.querySelector('.axon')).find(Boolean)"""
#: Whether the page has all of them; it says how many, with separators.
HAS = f"""(count) => {{
  const facts = {FIND}?.querySelector('.span-facts')?.textContent ?? '';
  const numbers = facts.match(/[\\d,]+/g) ?? [];
  return numbers.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0) === count;
}}"""
MOVE = f"""(frames) => new Promise((resolve) => {{
  const canvas = {FIND}.querySelector('canvas.spans');
  const {{ left, top, width }} = canvas.getBoundingClientRect();
  const at = {{ clientX: left + width / 3, clientY: top + 40, bubbles: true, cancelable: true }};
  const times = [];
  let n = 0;
  let last = 0;
  const tick = (now) => {{
    if (n > 0) times.push(now - last);
    last = now;
    const step = Math.floor(n / 10) % 4;  // in, right, left, out
    canvas.dispatchEvent(new WheelEvent('wheel', {{
      ...at, deltaY: step === 0 || step === 2 ? -10 : 10,
      ctrlKey: step === 0 || step === 3, shiftKey: step === 1 || step === 2,
    }}));
    if (n++ === frames) resolve(times);
    else requestAnimationFrame(tick);
  }};
  requestAnimationFrame(tick);
}})"""


def move(opened: Any, count: int, frames: int) -> list[float]:
    """Milliseconds of each frame while *count* spans are zoomed and moved."""
    with opened([BEGIN]) as notebook:
        notebook.run_all()
        notebook.execute(FILL.format(count=count))
        notebook.page.wait_for_function(HAS, arg=count, timeout=120_000)
        return list(notebook.page.evaluate(MOVE, frames))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, nargs="+", default=SPANS)
    parser.add_argument("--frames", type=int, default=240)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; times in ms\n")
    print(f"{'spans':>8}  {'frames/s':>8}  {'p50':>6}  {'p95':>6}  {'longest':>7}")
    found: dict[int, float] = {}
    with notebooks() as opened:
        for count in (FEW, *options.spans):
            times = move(opened, count, options.frames)
            p50, found[count] = percentile(times, 0.5), percentile(times, 0.95)
            rate = 1000 * len(times) / sum(times)
            print(
                f"{count:>8,}  {rate:>8.1f}  {p50:>6.1f}  {found[count]:>6.1f}  {max(times):>7.1f}"
            )
    for count in options.spans:
        peers = {f"{FEW} spans": found[FEW]}
        report(f"frame while {count:,} spans move, p95", "ms", found[count], peers, goal=SMOOTH)


if __name__ == "__main__":
    main()
