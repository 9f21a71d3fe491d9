// The timeline as a part of a view: a canvas of bars, a line of facts on the bar that is meant.
//
// Ctrl and wheel zoom, Shift and wheel or dragging move; dragging on the axis selects a time. All of
// it by keys, too: arrows go from bar to bar, plus and minus zoom, Enter shows the event.

import { count, duration, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import type { Span } from "../events/spans.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import type { Display } from "../ui/widget-frame.ts";
import {
  AXIS_PX,
  type Colours,
  LANE_PX,
  TimelineCanvas,
  type TimeWindow,
} from "./timeline-canvas.ts";
import { type Bar, TimelineLayout } from "./timeline-layout.ts";

const ZOOM = 1.25;
const LEAST_MS = 20;
/** Pixels around a bar that still mean it. */
const SLACK_PX = 3;
const DRAG_PX = 4;
/** Bars of what runs are drawn longer after this time. */
const GROW_MS = 200;

/** What is drawn: the spans now, or as of a moment. */
export interface ShownSpans {
  readonly byId: ReadonlyMap<number, Span>;
  /** Another value when other spans are to be drawn. */
  readonly version: number | string;
}

/** What the timeline asks of the view around it. */
export interface TimelineActions {
  /** The kernel's clock; 0 while it is not known. */
  now(): number;
  /** Show the first event of a span. */
  open(span: Span): void;
  readonly brush: [number, number] | null;
  setBrush(range: [number, number] | null): void;
}

type Drag = { from: number; time: number; window: TimeWindow; what: "move" | "brush" };

export class Timeline {
  readonly element: HTMLElement;
  readonly canvas = h("canvas", {
    class: "spans",
    tabindex: 0,
    role: "application",
    "aria-label": "Timeline",
  });
  readonly #scroller = h("div", { class: "spans-box" }, this.canvas);
  readonly #facts = h("div", { class: "span-facts", role: "status" });
  #layout = new TimelineLayout([], 0);
  #drawnVersion: number | string = -1;
  #drawnAt = 0;
  /** null shows everything, and grows with it. */
  #window: TimeWindow | null = null;
  #active = 0;
  #drag: Drag | null = null;
  #width = 0;
  #colours: Colours | null = null;

  constructor(
    private readonly spans: ShownSpans,
    private readonly actions: TimelineActions,
    private readonly display: Display,
  ) {
    this.element = h("div", { class: "timeline" }, this.#scroller, this.#facts);
    const { signal } = display;
    on(this.canvas, "keydown", (event) => this.#key(event), signal);
    on(this.canvas, "wheel", (event) => this.#wheel(event), signal, { passive: false });
    on(this.canvas, "pointerdown", (event) => this.#press(event), signal);
    on(this.canvas, "pointermove", (event) => this.#move(event), signal);
    on(this.canvas, "pointerup", (event) => this.#release(event), signal);
    on(this.canvas, "dblclick", () => this.fit(), signal);
  }

  themed(): void {
    this.#colours = null;
  }

  resize(width: number): void {
    this.#width = Math.max(0, Math.floor(width));
  }

  /** Show all of it. */
  fit(): void {
    this.#window = null;
    this.actions.setBrush(null);
    this.display.invalidate();
  }

  /** Mean the bar that has an event, and bring it into view. */
  showSequence(sequence: number): void {
    const bar = this.#layout.ofSequence(sequence);
    if (bar) this.#mean(bar);
  }

  draw(): void {
    this.#arrange();
    const context = this.#prepare();
    if (!context || this.#width === 0) return;
    this.#colours ??= coloursOf(this.element);
    const { clientHeight } = this.canvas;
    const painter = new TimelineCanvas(
      context,
      this.#colours,
      this.#width,
      clientHeight,
      this.#shown,
    );
    const { brush } = this.actions;
    const drag = this.#drag?.what === "brush" ? this.#drag.window : null;
    const range = drag ?? (brush && { from: brush[0], to: brush[1] });
    painter.draw(this.#layout, this.#bar, range);
    this.#drawFacts();
  }

  /** New spans are laid out at once, open ones grow now and then. */
  #arrange(): void {
    const { spans } = this;
    const now = this.actions.now();
    const grows = this.#layout.open > 0 && now - this.#drawnAt > GROW_MS;
    if (spans.version === this.#drawnVersion && !grows) return;
    this.#drawnVersion = spans.version;
    this.#drawnAt = now;
    this.#layout = new TimelineLayout(spans.byId.values(), now);
  }

  get #bar(): Bar | null {
    return this.#layout.byId.get(this.#active) ?? null;
  }

  get #shown(): TimeWindow {
    if (this.#window) return this.#window;
    const { from, to } = this.#layout;
    const margin = Math.max(LEAST_MS, to - from) * 0.01;
    return { from: from - margin, to: to + margin };
  }

  #prepare(): CanvasRenderingContext2D | null {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const lanes = AXIS_PX + Math.max(1, this.#layout.lanes.length) * LANE_PX + 4;
    const height = Math.max(lanes, this.#scroller.clientHeight);
    const [width, tall] = [Math.round(this.#width * ratio), Math.round(height * ratio)];
    if (canvas.width !== width || canvas.height !== tall) {
      canvas.width = width;
      canvas.height = tall;
      canvas.style.width = `${this.#width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }

  #drawFacts(): void {
    const bar = this.#bar;
    const { byId, turns } = this.#layout;
    const nothing = `${plural(turns, "turn")}, ${plural(byId.size - turns, "tool call")}`;
    setText(this.#facts, bar ? factsOf(bar) : nothing);
    setAttribute(this.canvas, "aria-label", `Timeline of ${nothing}`);
  }

  // ---- moving -------------------------------------------------------------------------------------

  #mean(bar: Bar): void {
    this.#active = bar.span.id;
    const { from, to } = this.#shown;
    if (this.#window && (bar.end < from || bar.start > to)) {
      const half = (to - from) / 2;
      this.#window = { from: bar.start - half, to: bar.start + half };
    }
    const y = AXIS_PX + bar.lane * LANE_PX;
    const { scrollTop, clientHeight } = this.#scroller;
    if (y < scrollTop + AXIS_PX || y + LANE_PX > scrollTop + clientHeight)
      this.#scroller.scrollTop = y - clientHeight / 2;
    this.display.invalidate();
  }

  /** Around a time that stays where it is. */
  #zoom(factor: number, at: number): void {
    const { from, to } = this.#shown;
    const span = Math.max(LEAST_MS, (to - from) * factor);
    const left = (at - from) / Math.max(1, to - from);
    this.#window = { from: at - span * left, to: at + span * (1 - left) };
    const { from: first, to: last } = this.#layout;
    if (span >= (last - first) * 1.02) this.#window = null;
    this.display.invalidate();
  }

  #pan(part: number): void {
    const { from, to } = this.#shown;
    const by = (to - from) * part;
    this.#window = { from: from + by, to: to + by };
    this.display.invalidate();
  }

  /** In time order, in the lane of the active bar. */
  #step(by: 1 | -1): void {
    const bar = this.#bar;
    const lane = this.#layout.lanes[bar?.lane ?? 0] ?? [];
    const at = bar ? lane.indexOf(bar) + by : by > 0 ? 0 : lane.length - 1;
    const next = lane[Math.max(0, Math.min(lane.length - 1, at))];
    if (next) this.#mean(next);
  }

  #toParent(): void {
    const parent = this.#layout.byId.get(this.#bar?.span.parent ?? 0);
    if (parent) this.#mean(parent);
  }

  #toChild(): void {
    const id = this.#active;
    const children = [...this.#layout.byId.values()].filter(({ span }) => span.parent === id);
    if (children[0]) this.#mean(children[0]);
  }

  #toEdge(last: boolean): void {
    const lane = this.#layout.lanes[this.#bar?.lane ?? 0] ?? [];
    const bar = last ? lane.at(-1) : lane[0];
    if (bar) this.#mean(bar);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = this.#bar?.start ?? (this.#shown.from + this.#shown.to) / 2;
    const actions: Record<string, () => void> = {
      ArrowRight: () => (event.shiftKey ? this.#pan(0.2) : this.#step(1)),
      ArrowLeft: () => (event.shiftKey ? this.#pan(-0.2) : this.#step(-1)),
      ArrowUp: () => this.#toParent(),
      ArrowDown: () => (this.#bar ? this.#toChild() : this.#step(1)),
      Home: () => this.#toEdge(false),
      End: () => this.#toEdge(true),
      "+": () => this.#zoom(1 / ZOOM, middle),
      "=": () => this.#zoom(1 / ZOOM, middle),
      "-": () => this.#zoom(ZOOM, middle),
      "0": () => this.fit(),
      b: () => this.#brushActive(),
      Enter: () => this.#bar && this.actions.open(this.#bar.span),
      Escape: () => this.#clear(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #brushActive(): void {
    const bar = this.#bar;
    if (bar) this.actions.setBrush([bar.start, bar.end]);
    this.display.invalidate();
  }

  #clear(): void {
    this.#active = 0;
    this.actions.setBrush(null);
    this.display.invalidate();
  }

  #wheel(event: WheelEvent): void {
    if (event.ctrlKey) this.#zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, this.#timeAt(event));
    else if (event.shiftKey) this.#pan((event.deltaY || event.deltaX) > 0 ? 0.1 : -0.1);
    else return;
    event.preventDefault();
  }

  #timeAt(event: MouseEvent): number {
    const { from, to } = this.#shown;
    const { left } = this.canvas.getBoundingClientRect();
    return from + ((event.clientX - left) / Math.max(1, this.#width)) * (to - from);
  }

  #barAt(event: MouseEvent): Bar | null {
    const y = event.clientY - this.canvas.getBoundingClientRect().top - AXIS_PX;
    const { from, to } = this.#shown;
    const slack = (SLACK_PX * (to - from)) / Math.max(1, this.#width);
    return y < 0 ? null : this.#layout.at(Math.floor(y / LANE_PX), this.#timeAt(event), slack);
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const onAxis = event.clientY - this.canvas.getBoundingClientRect().top < AXIS_PX;
    const time = this.#timeAt(event);
    const window = onAxis ? { from: time, to: time } : this.#shown;
    this.#drag = { from: event.clientX, time, window, what: onAxis ? "brush" : "move" };
  }

  #move(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag?.what === "brush") drag.window = { from: drag.time, to: this.#timeAt(event) };
    else if (drag && Math.abs(event.clientX - drag.from) >= DRAG_PX) {
      const { from, to } = drag.window;
      const by = ((drag.from - event.clientX) / Math.max(1, this.#width)) * (to - from);
      this.#window = { from: from + by, to: to + by };
    } else if (!drag) {
      const bar = this.#barAt(event);
      this.canvas.style.cursor = bar ? "pointer" : "";
      setAttribute(this.canvas, "title", bar ? factsOf(bar) : null);
      return;
    }
    this.display.invalidate();
  }

  #release(event: PointerEvent): void {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag) return;
    const moved = Math.abs(event.clientX - drag.from) >= DRAG_PX;
    if (drag.what === "brush") {
      const { from, to } = drag.window;
      const range: [number, number] = [Math.min(from, to), Math.max(from, to)];
      this.actions.setBrush(moved ? [Math.round(range[0]), Math.round(range[1])] : null);
    } else if (!moved) this.#click(this.#barAt(event));
    this.display.invalidate();
  }

  #click(bar: Bar | null): void {
    if (!bar) return;
    this.#mean(bar);
    this.actions.open(bar.span);
  }
}

/** One line: "bash · failed · 4.2 s · waited 1.1 s · 1,200 tokens · $0.10 · events 12–40". */
export function factsOf({ span, start, end }: Bar): string {
  const waited = (span.waits ?? []).reduce((sum, [from, to]) => sum + (to ?? end) - from, 0);
  return [
    `${span.kind === "turn" ? "Turn" : "Tool call"}: ${visibleLine(span.title)}`,
    span.status.replace("_", " "),
    duration(end - start),
    waited > 0 ? `waited ${duration(waited)}` : "",
    span.tokens === undefined ? "" : `${count(span.tokens)} tokens`,
    span.cost === undefined ? "" : `${span.cost.toFixed(4)} ${span.currency ?? ""}`.trim(),
    span.first === span.last ? `event ${span.first}` : `events ${span.first}–${span.last}`,
    visibleLine(span.error ?? ""),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Canvas knows no custom properties: read what they are now. */
function coloursOf(element: HTMLElement): Colours {
  const probe = h("i", { class: "axon-hidden" });
  element.append(probe);
  const read = (value: string) => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const colours = {
    text: read("var(--text)"),
    quiet: read("var(--quiet)"),
    line: read("var(--line)"),
    background: read("var(--bg)"),
    accent: read("var(--accent)"),
    turn: read("var(--c0)"),
    tool: read("var(--c3)"),
    bad: read("var(--bad)"),
    off: read("var(--c8)"),
    open: read("var(--good)"),
    wait: read("color-mix(in oklab, var(--bg) 55%, transparent)"),
    font: `11px ${getComputedStyle(element).fontFamily}`,
  };
  probe.remove();
  return colours;
}
