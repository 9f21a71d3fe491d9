// The stream of one axon as a page sees it: how it stands, what of it is missing, what is asked for.

import type { AxonStat, Range } from "../kernel/protocol.ts";
import type { Store } from "./event-store.ts";
import type { Lane } from "./lane.ts";

const HOLES_AT_ONCE = 8;

export interface Counts {
  /** Events here and in the kernel that the viewer was asked to show. */
  total: number;
  /** The server could not deliver them. */
  lost: number;
  /** They were let go, here or in the kernel, to stay within the budget. */
  notKept: number;
  /** They are missing here and asked for. */
  recovering: number;
}

export class AxonStream {
  stat: AxonStat | null = null;
  /** Ranges of positions that cannot be delivered. */
  #unavailable: Range[] = [];

  constructor(
    readonly lane: Lane,
    private readonly store: Store,
  ) {}

  /** First position that the viewer was asked to show; beyond all until the kernel has said it. */
  get start(): number {
    return this.stat ? this.lane.position(this.stat.start) : Number.MAX_SAFE_INTEGER;
  }

  take(stat: AxonStat): void {
    this.stat = stat;
    this.store.nameAxon(this.lane, stat.id, stat.name);
    for (const gap of stat.gaps) this.declare(gap);
  }

  /** The events of these sequences are lost. */
  declare([from, to]: Range): void {
    const range: Range = [this.lane.position(from), this.lane.position(to)];
    const known = this.#unavailable.some(([low, high]) => low <= range[0] && high >= range[1]);
    if (!known) this.#unavailable.push(range);
  }

  get counts(): Counts {
    const { lane, stat, store } = this;
    const lost = stat?.lost ?? 0;
    if (!stat || lane.newest < 0) return { total: lane.size, lost, notKept: 0, recovering: 0 };
    const from = this.start;
    const absent = Math.max(0, lane.newest - from + 1 - store.filledIn(from, lane.newest) - lost);
    const [low, high] = this.#askable();
    const asked = Math.max(
      0,
      high - low + 1 - store.filledIn(low, high) - this.#unavailableIn(low, high),
    );
    const recovering = Math.min(absent, asked);
    return { total: lane.size + absent, lost, notKept: absent - recovering, recovering };
  }

  /** The server could not deliver the event at a position. */
  isLost(position: number): boolean {
    const sequence = position - this.lane.start;
    return (this.stat?.gaps ?? []).some(([from, to]) => sequence >= from && sequence <= to);
  }

  /** The kernel has the event at a position and will send it. */
  isRecoverable(position: number): boolean {
    const [low, high] = this.#askable();
    if (position < low || position > high) return false;
    return !this.#unavailable.some(([from, to]) => position >= from && position <= to);
  }

  /** Sequences that the kernel has and the page lacks, newest first. */
  holes(): Range[] {
    const [low, high] = this.#askable();
    if (low > high) return [];
    const { start } = this.lane;
    return this.store
      .absent(low, high, HOLES_AT_ONCE + this.#unavailable.length)
      .flatMap((range) => subtract(range, this.#unavailable))
      .map(([from, to]): Range => [from - start, to - start])
      .sort((a, b) => b[0] - a[0]);
  }

  /** What the kernel keeps and has sent, but for what this page let go. */
  #askable(): Range {
    const { lane, stat } = this;
    if (!stat || stat.kept_from === 0) return [lane.start, lane.start - 1];
    const low = Math.max(lane.position(Math.max(stat.kept_from, stat.start)), lane.floor);
    return [low, Math.max(lane.position(stat.pushed), lane.newest)];
  }

  #unavailableIn(low: number, high: number): number {
    let count = 0;
    for (const [from, to] of this.#unavailable) {
      count += Math.max(0, Math.min(to, high) - Math.max(from, low) + 1);
    }
    return count;
  }
}

function subtract(range: Range, taken: readonly Range[]): Range[] {
  return taken.reduce<Range[]>(
    (parts, [low, high]) =>
      parts
        .flatMap(([from, to]): Range[] => [
          [from, Math.min(to, low - 1)],
          [Math.max(from, high + 1), to],
        ])
        .filter(([from, to]) => from <= to),
    [range],
  );
}
