// Draws the bars of a timeline: what is narrower than a pixel is drawn once per pixel, so that a
// hundred thousand bars cost no more than the pixels they fill.

import { clock } from "../base/format.ts";
import {
  BAD,
  type Bar,
  firstAfter,
  OFF,
  OPEN,
  type TimelineLayout,
  type Tone,
} from "./timeline-layout.ts";

export const LANE_PX = 20;
export const AXIS_PX = 18;
const BAR_PX = 16;
const LABEL_PX = 44;
const TICK_PX = 110;

export interface Colours {
  text: string;
  quiet: string;
  line: string;
  background: string;
  accent: string;
  turn: string;
  tool: string;
  bad: string;
  off: string;
  open: string;
  wait: string;
  font: string;
}

/** The part of time that is shown. */
export interface TimeWindow {
  from: number;
  to: number;
}

export class TimelineCanvas {
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly colours: Colours,
    private readonly width: number,
    private readonly height: number,
    private readonly window: TimeWindow,
  ) {}

  draw(layout: TimelineLayout, active: Bar | null, brush: TimeWindow | null): void {
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    context.font = this.colours.font;
    context.textBaseline = "middle";
    this.#axis();
    for (const [lane, bars] of layout.lanes.entries()) this.#lane(lane, bars);
    if (active) this.#outline(active);
    if (brush) this.#brush(brush);
  }

  #x(time: number): number {
    const { from, to } = this.window;
    return ((time - from) / Math.max(1, to - from)) * this.width;
  }

  #axis(): void {
    const { context, colours, width } = this;
    const { from, to } = this.window;
    const ticks = Math.max(1, Math.floor(width / TICK_PX));
    context.fillStyle = colours.line;
    context.fillRect(0, AXIS_PX - 1, width, 1);
    const fine = (to - from) / ticks < 2000;
    for (let i = 0; i < ticks; i++) {
      const x = Math.round((i * width) / ticks);
      const text = clock(from + ((to - from) * i) / ticks).slice(0, fine ? 12 : 8);
      context.fillStyle = colours.line;
      context.fillRect(x, 0, 1, this.height);
      context.fillStyle = colours.quiet;
      context.fillText(text, x + 4, AXIS_PX / 2);
    }
  }

  #lane(lane: number, bars: readonly Bar[]): void {
    const y = AXIS_PX + lane * LANE_PX + (LANE_PX - BAR_PX) / 2;
    const { from: begin, to: until } = this.window;
    const scale = this.width / Math.max(1, until - begin);
    const count = firstAfter(bars, until);
    // Pixels [from, to) of one look, drawn when another begins. The loop runs a hundred thousand
    // times in a frame: no calls for a bar that is one of many in a pixel.
    let from = -1;
    let to = -1;
    let tone: Tone = OFF;
    let kind: Bar["span"]["kind"] = "tool";
    const flush = () => {
      if (to <= from) return;
      this.context.fillStyle = this.#fill(tone, kind);
      this.context.fillRect(from, y, to - from, BAR_PX);
    };
    for (let i = 0; i < count; i++) {
      const bar = bars[i]!;
      if (bar.end < begin) continue;
      const x0 = (bar.start - begin) * scale;
      const x1 = Math.max(x0 + 1, (bar.end - begin) * scale);
      if (x1 - x0 >= 3) {
        flush();
        from = to = -1;
        this.#bar(bar, x0, x1, y);
        continue;
      }
      if (x0 > to || (bar.tone !== tone && x0 - from >= 1)) {
        flush();
        from = Math.floor(x0);
        tone = bar.tone;
      } else if (bar.tone > tone) tone = bar.tone;
      kind = bar.span.kind;
      if (x1 > to) to = Math.ceil(x1);
    }
    flush();
  }

  #bar(bar: Bar, x0: number, x1: number, y: number): void {
    const { context, colours } = this;
    const left = Math.max(-2, x0);
    const right = Math.min(this.width + 2, x1);
    context.fillStyle = this.#fill(bar.tone, bar.span.kind);
    context.fillRect(left, y, Math.max(1, right - left - 1), BAR_PX);
    for (const [from, to] of bar.span.waits ?? []) this.#wait(bar, from, to ?? bar.end, y);
    // Colour is not all: what failed has a bar across it.
    if (bar.tone === BAD) {
      context.fillStyle = colours.background;
      context.fillRect(left, y + BAR_PX - 4, Math.max(1, right - left - 1), 1);
    }
    const room = right - Math.max(0, left) - 10;
    if (room < LABEL_PX) return;
    context.save();
    context.beginPath();
    context.rect(left, y, room + 6, BAR_PX);
    context.clip();
    context.fillStyle = colours.background;
    context.fillText(bar.span.title, Math.max(0, left) + 5, y + BAR_PX / 2 + 0.5);
    context.restore();
  }

  #wait(bar: Bar, from: number, to: number, y: number): void {
    const x0 = Math.max(0, this.#x(Math.max(from, bar.start)));
    const x1 = Math.min(this.width, this.#x(Math.min(to, bar.end)));
    if (x1 - x0 < 1) return;
    this.context.fillStyle = this.colours.wait;
    this.context.fillRect(x0, y, x1 - x0, BAR_PX);
  }

  #fill(tone: Tone, kind: Bar["span"]["kind"]): string {
    const { colours } = this;
    if (tone === BAD) return colours.bad;
    if (tone === OPEN) return colours.open;
    if (tone === OFF) return colours.off;
    return kind === "turn" ? colours.turn : colours.tool;
  }

  #outline(bar: Bar): void {
    const { context } = this;
    const y = AXIS_PX + bar.lane * LANE_PX + (LANE_PX - BAR_PX) / 2;
    const x0 = Math.max(1, this.#x(bar.start));
    const x1 = Math.min(this.width - 1, Math.max(x0 + 3, this.#x(bar.end)));
    context.strokeStyle = this.colours.text;
    context.lineWidth = 2;
    context.strokeRect(x0 - 1, y - 1, x1 - x0 + 2, BAR_PX + 2);
  }

  #brush({ from, to }: TimeWindow): void {
    const { context, colours } = this;
    const x0 = this.#x(Math.min(from, to));
    const x1 = this.#x(Math.max(from, to));
    context.globalAlpha = 0.16;
    context.fillStyle = colours.accent;
    context.fillRect(x0, 0, Math.max(1, x1 - x0), this.height);
    context.globalAlpha = 1;
    context.fillRect(x0, 0, 1, this.height);
    context.fillRect(x1, 0, 1, this.height);
  }
}
