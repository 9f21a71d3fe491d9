// Which lane each span has: turns on top, their tool calls below, what a subagent called below that.
// Spans of one depth that overlap get lanes of their own.

import type { Span } from "../events/spans.ts";

/** How loud a bar is: of many in a pixel the loudest is seen. */
export const OFF = 0;
export const NORMAL = 1;
export const OPEN = 2;
export const BAD = 3;
export type Tone = typeof OFF | typeof NORMAL | typeof OPEN | typeof BAD;

export interface Bar {
  span: Span;
  tone: Tone;
  lane: number;
  start: number;
  /** Of an open span: now. */
  end: number;
}

/** Lanes of one depth; more calls at once than this share the last. */
const MOST_LANES = 6;
const MOST_DEPTH = 6;

export class TimelineLayout {
  /** Bars by lane, each sorted by start. */
  readonly lanes: Bar[][];
  readonly byId = new Map<number, Bar>();
  readonly from: number;
  readonly to: number;
  readonly turns: number;
  /** Spans that have not ended. */
  readonly open: number;

  /** `now` is where open spans end. */
  constructor(spans: Iterable<Span>, now: number) {
    const sorted = [...spans].sort((a, b) => a.start_ms - b.start_ms || a.id - b.id);
    const depths = depthsOf(sorted);
    /** Ends of the lanes by depth. */
    const ends: number[][] = [];
    const placed = sorted.map((span): [Bar, number] => {
      const depth = depths.get(span.id) ?? 0;
      ends[depth] ??= [];
      const end = Math.max(span.start_ms, span.end_ms ?? Math.max(now, span.start_ms));
      const lane = laneFor(ends[depth], span.start_ms);
      ends[depth][lane] = Math.max(ends[depth][lane] ?? 0, end);
      return [{ span, tone: toneOf(span.status), lane, start: span.start_ms, end }, depth];
    });
    const offsets: number[] = [];
    for (let depth = 0, sum = 0; depth < ends.length; depth++) {
      offsets[depth] = sum;
      sum += ends[depth]?.length ?? 0;
    }
    this.lanes = Array.from({ length: ends.flat().length }, () => []);
    for (const [bar, depth] of placed) {
      bar.lane += offsets[depth]!;
      this.lanes[bar.lane]!.push(bar);
      this.byId.set(bar.span.id, bar);
    }
    this.turns = sorted.reduce((sum, { kind }) => sum + Number(kind === "turn"), 0);
    this.open = sorted.reduce((sum, { end_ms }) => sum + Number(end_ms === null), 0);
    this.from = placed[0]?.[0].start ?? 0;
    this.to = placed.reduce((most, [bar]) => Math.max(most, bar.end), this.from);
  }

  /** The bar at a time in a lane, with `slack` ms around it; the shortest of several. */
  at(lane: number, time: number, slack: number): Bar | null {
    const bars = this.lanes[lane] ?? [];
    let best: Bar | null = null;
    for (
      let i = firstAfter(bars, time + slack) - 1;
      i >= 0 && i > firstAfter(bars, time) - 64;
      i--
    ) {
      const bar = bars[i]!;
      if (bar.end + slack < time) continue;
      if (!best || bar.end - bar.start < best.end - best.start) best = bar;
    }
    return best;
  }

  /** The innermost bar that has an event. */
  ofSequence(sequence: number): Bar | null {
    let best: Bar | null = null;
    for (const bar of this.byId.values()) {
      const { first, last } = bar.span;
      if (sequence < first || sequence > last) continue;
      if (!best || last - first <= best.span.last - best.span.first) best = bar;
    }
    return best;
  }
}

/** Index of the first bar that begins after a time. */
export function firstAfter(bars: readonly Bar[], time: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bars[middle]!.start <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function toneOf(status: string): Tone {
  if (status === "failed") return BAD;
  if (status === "running" || status === "in_progress" || status === "pending") return OPEN;
  return status === "cancelled" || status === "stopped" || status === "queued" ? OFF : NORMAL;
}

function depthsOf(spans: readonly Span[]): Map<number, number> {
  const parents = new Map(spans.map((span) => [span.id, span.parent]));
  const depths = new Map<number, number>();
  for (const { id, kind } of spans) {
    let depth = kind === "turn" ? 0 : 1;
    // A tool call in a turn is at depth 1, in another call one deeper.
    for (let at = parents.get(id) ?? 0; at !== 0 && depth < MOST_DEPTH; at = parents.get(at) ?? 0) {
      if ((parents.get(at) ?? 0) !== 0) depth++;
    }
    depths.set(id, depth);
  }
  return depths;
}

function laneFor(ends: readonly number[], start: number): number {
  for (let lane = 0; lane < MOST_LANES - 1; lane++) {
    const end = ends[lane];
    if (end === undefined || end <= start) return lane;
  }
  return MOST_LANES - 1;
}
