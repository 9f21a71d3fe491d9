// The rate chart: stacked bars by colour on a canvas, a brush that filters by time.

import { clock, count } from "../base/format.ts";
import { HUES } from "../events/histogram.ts";
import type { TimelineSession } from "../trace/timeline-session.ts";
import { h, on, setText } from "../ui/dom.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { Look } from "./look.ts";
import type { Moment } from "./moment.ts";
import type { Showing } from "./showing.ts";

const HEIGHT = 38;
/** Above the bars, for the highest rate in words. */
const HEAD = 12;
const BAR = 5;
const GAP = 1;
const LEAST_MS = 30_000;
/** Newest events older than this are history: the chart ends with them, not with now. */
const STALE_MS = 60_000;
const WINDOWS: readonly (readonly [string, number])[] = [
  ["last minute", 60_000],
  ["last 5 min", 300_000],
  ["last 30 min", 1_800_000],
  ["everything", Number.POSITIVE_INFINITY],
];

export class Chart {
  readonly element: HTMLElement;
  readonly #canvas = h("canvas", { class: "chart-canvas", role: "img" });
  readonly #window = h("select", {
    class: "chart-window",
    "aria-label": "Time shown in the chart",
  });
  readonly #peak = h("span", { class: "chart-peak", "aria-hidden": "true" });
  readonly #axis = h("div", { class: "chart-axis", "aria-hidden": "true" });
  readonly #tip = h("span", { class: "chart-tip", "aria-hidden": "true" });
  #width = 0;
  #span = 300_000;
  /** What was drawn last: time of the left edge and ms per px. */
  #from = 0;
  #scale = 1;
  #drag: [number, number] | null = null;
  #colours: string[] = [];
  #coloursOf = -1;

  constructor(
    private readonly session: TimelineSession,
    private readonly moment: Moment,
    private readonly showing: Showing,
    private readonly look: Look,
    private readonly display: Display,
  ) {
    for (const [name, span] of WINDOWS)
      this.#window.append(h("option", { value: span, text: name }));
    this.#window.value = String(this.#span);
    on(
      this.#window,
      "change",
      () => {
        this.#span = Number(this.#window.value);
        display.soon();
      },
      display.signal,
    );
    this.element = h("div", { class: "chart" }, this.#canvas, this.#axis, this.#peak);
    this.element.append(this.#tip, this.#window);
    this.#listen();
  }

  resize(width: number): void {
    this.#width = Math.max(0, Math.floor(width));
  }

  draw(): void {
    const { session } = this;
    const { paused } = this.showing;
    this.element.hidden = !this.look.chartShown || session.store.size === 0;
    if (this.element.hidden || this.#width < 20) return;
    const [from, to] = this.#extent();
    const { bars, widthMs } = this.moment.histogram.bars(from, to, this.#width / (BAR + GAP));
    const first = bars[0]?.from ?? from;
    this.#from = first;
    this.#scale = (bars.length * widthMs) / this.#width;
    const context = this.#prepare();
    if (!context) return;
    context.globalAlpha = paused ? 0.4 : 1;
    const highest = bars.reduce((most, bar) => Math.max(most, bar.total), 1);
    const step = this.#width / Math.max(1, bars.length);
    for (const [i, bar] of bars.entries()) this.#bar(context, i * step, step, bar.counts, highest);
    context.globalAlpha = 1;
    context.fillStyle = this.#colours[HUES] ?? "gray";
    context.fillRect(0, HEIGHT - 1, this.#width, 1);
    this.#words(highest, widthMs);
    this.#drawBrush(context);
    const words = `${count(bars.reduce((sum, bar) => sum + bar.total, 0))} events from ${clock(from)} to ${clock(to)}`;
    this.#canvas.setAttribute(
      "aria-label",
      `Rate of events: ${words}. Use after: and before: in the filter to select a time.`,
    );
  }

  #extent(): [number, number] {
    const { session } = this;
    const [low, high] = this.moment.histogram.extent ?? [0, LEAST_MS];
    const now = session.kernelNow;
    const isLive =
      this.moment.isLive &&
      session.facts.stat?.state.name === "live" &&
      now > high &&
      now - high < STALE_MS;
    const to = isLive ? now : high;
    return [Math.max(to - this.#span, Math.min(low, to - LEAST_MS)), to];
  }

  #prepare(): CanvasRenderingContext2D | null {
    const canvas = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.#width * ratio);
    if (canvas.width !== width || canvas.height !== Math.round(HEIGHT * ratio)) {
      canvas.width = width;
      canvas.height = Math.round(HEIGHT * ratio);
      canvas.style.width = `${this.#width}px`;
      canvas.style.height = `${HEIGHT}px`;
    }
    const context = canvas.getContext("2d");
    if (!context) return null;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#width, HEIGHT);
    this.#readColours();
    return context;
  }

  #bar(
    context: CanvasRenderingContext2D,
    x: number,
    step: number,
    counts: number[],
    highest: number,
  ): void {
    const room = HEIGHT - 1 - HEAD;
    let y = HEIGHT - 1;
    for (let hue = 0; hue < HUES; hue++) {
      const amount = counts[hue]!;
      if (amount === 0) continue;
      const height = Math.max(1, (amount / highest) * room);
      y -= height;
      context.fillStyle = this.#colours[hue] ?? "gray";
      context.fillRect(x, y, Math.max(1, step - GAP), height);
    }
  }

  /** Words are elements, written when they change: a canvas shapes each of them every time. */
  #words(highest: number, widthMs: number): void {
    setText(this.#peak, `peak ${count(Math.round((highest * 1000) / widthMs))}/s`);
    const labels = Math.max(1, Math.floor(this.#width / 140));
    while (this.#axis.childElementCount <= labels) this.#axis.append(h("span"));
    while (this.#axis.childElementCount > labels + 1) this.#axis.lastElementChild?.remove();
    for (const [i, label] of [...this.#axis.children].entries()) {
      const time = this.#from + ((this.#width * i) / labels) * this.#scale;
      setText(label, clock(time).slice(0, 8));
    }
  }

  #drawBrush(context: CanvasRenderingContext2D): void {
    const range = this.#drag ?? this.showing.brush;
    if (!range) return;
    const x0 = (Math.min(...range) - this.#from) / this.#scale;
    const x1 = (Math.max(...range) - this.#from) / this.#scale;
    context.globalAlpha = 0.18;
    context.fillStyle = this.#colours[HUES + 1] ?? "blue";
    context.fillRect(x0, 0, Math.max(1, x1 - x0), HEIGHT);
    context.globalAlpha = 1;
    context.fillRect(x0, 0, 1, HEIGHT);
    context.fillRect(x1, 0, 1, HEIGHT);
  }

  /** Canvas knows no custom properties: read what they are now, once per theme. */
  #readColours(): void {
    if (this.#coloursOf === this.look.themeKey) return;
    this.#coloursOf = this.look.themeKey;
    const probe = h("i", { class: "axon-hidden" });
    this.element.append(probe);
    const names = [...Array.from({ length: HUES }, (_, i) => `--c${i}`), "--line", "--accent"];
    this.#colours = names.map((name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    });
    probe.remove();
  }

  #listen(): void {
    const { display } = this;
    const { signal } = display;
    const canvas = this.#canvas;
    const timeAt = (event: PointerEvent) =>
      this.#from + (event.clientX - canvas.getBoundingClientRect().left) * this.#scale;
    on(
      canvas,
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        canvas.setPointerCapture(event.pointerId);
        this.#drag = [timeAt(event), timeAt(event)];
      },
      signal,
    );
    on(
      canvas,
      "pointermove",
      (event) => {
        this.#showTip(event, timeAt(event));
        if (!this.#drag) return;
        this.#drag[1] = timeAt(event);
        display.soon();
      },
      signal,
    );
    on(canvas, "pointerleave", () => setText(this.#tip, ""), signal);
    on(canvas, "pointerup", () => this.#drop(), signal);
    on(
      canvas,
      "pointercancel",
      () => {
        this.#drag = null;
      },
      signal,
    );
    on(canvas, "dblclick", () => this.showing.setBrush(null), signal);
  }

  #drop(): void {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag || Math.abs(drag[1] - drag[0]) < this.#scale * 4) return;
    this.showing.setBrush([Math.round(Math.min(...drag)), Math.round(Math.max(...drag))]);
  }

  #showTip(event: PointerEvent, time: number): void {
    const { histogram } = this.moment;
    const width = Math.max(this.#scale * (BAR + GAP), histogram.sliceMs);
    const from = Math.floor(time / width) * width;
    setText(
      this.#tip,
      `${clock(time).slice(0, 8)} · ${count(Math.round((histogram.count(from, from + width) * 1000) / width))}/s`,
    );
    const left = event.clientX - this.#canvas.getBoundingClientRect().left;
    this.#tip.style.left = `${Math.min(left + 10, this.#width - 120)}px`;
  }
}
