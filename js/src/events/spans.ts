// The spans of a timeline in the page: turns and tool calls, as the kernel reads them.

import type { Range } from "../kernel/protocol.ts";

/** One bar; see axon_notebook/widgets/timeline_spans.py. Times in ms since the epoch. */
export interface Span {
  id: number;
  /** Turn or tool call it happened in; 0 for none. */
  parent: number;
  kind: "turn" | "tool";
  title: string;
  status: string;
  start_ms: number;
  /** null while it is open. */
  end_ms: number | null;
  /** Sequences of its first and its last event. */
  first: number;
  last: number;
  /** Times in which it waited for a person; the last may have no end. */
  waits?: [number, number | null][];
  tokens?: number;
  cost?: number;
  currency?: string;
  error?: string;
  /** Sequences of its events: first, last, first, last, …; all from `first` to `last` without it. */
  ranges?: number[];
  /** Number of a change, the sequence of its event, what fields were before; oldest first. */
  was?: [number, number, Partial<Span>][];
}

export class Spans {
  readonly byId = new Map<number, Span>();
  /** Grows with every change. */
  version = 0;
  /** Numbers of changes that are here: sorted ranges that do not touch. */
  #have: Range[] = [];

  /** The spans as they are after the changes `first` … `last`. */
  take(first: number, last: number, spans: readonly Span[]): void {
    for (const span of spans) this.byId.set(span.id, withPast(span, this.byId.get(span.id)));
    this.#cover(first, last);
    this.version++;
  }

  /** Changes up to number `sent` that never came. */
  missing(sent: number): Range[] {
    const holes: Range[] = [];
    let next = 1;
    for (const [from, to] of this.#have) {
      if (from > next && next <= sent) holes.push([next, Math.min(from - 1, sent)]);
      next = Math.max(next, to + 1);
    }
    if (next <= sent) holes.push([next, sent]);
    return holes;
  }

  clear(): void {
    this.byId.clear();
    this.#have = [];
    this.version++;
  }

  #cover(first: number, last: number): void {
    const touching = this.#have.filter(([from, to]) => from <= last + 1 && to >= first - 1);
    const others = this.#have.filter((range) => !touching.includes(range));
    const from = Math.min(first, ...touching.map((range) => range[0]));
    const to = Math.max(last, ...touching.map((range) => range[1]));
    this.#have = [...others, [from, to] as Range].sort((a, b) => a[0] - b[0]);
  }
}

/** A span with all that is known of what it was: a message tells of the changes it is about. */
function withPast(span: Span, known: Span | undefined): Span {
  if (!known?.was) return span;
  const was = new Map([...known.was, ...(span.was ?? [])].map((item) => [item[0], item]));
  return { ...span, was: [...was.values()].sort((a, b) => a[0] - b[0]) };
}
