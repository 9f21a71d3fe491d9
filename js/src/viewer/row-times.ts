// When the rows of a lane happened, so that they can be merged with those of others. A row has the
// time of its first event, or of the row before it if that is later: an axon keeps its own order.

import type { Store } from "../events/event-store.ts";
import type { Lane } from "../events/lane.ts";
import type { ChunkRows } from "./chunk-rows.ts";
import { lowerBound, type RowIndex } from "./row-index.ts";

/** The latest time that a date can have, ms. */
const LATEST = 8.64e15;

interface ChunkTimes {
  of: ChunkRows | undefined;
  count: number;
  /** Growing; longer than `count`. */
  times: Float64Array;
}

const NONE: ChunkTimes = { of: undefined, count: 0, times: new Float64Array(0) };

export class RowTimes {
  #chunks: ChunkTimes[] = [];
  /** Per chunk: the latest time in it and in those before it. */
  #high: number[] = [];

  constructor(
    private readonly store: Store,
    private readonly lane: Lane,
    private readonly index: RowIndex,
  ) {}

  /** Read the times of rows that are new. */
  update(): void {
    const known = new Map(this.#chunks.map((chunk) => [chunk.of, chunk]));
    let high = Number.NEGATIVE_INFINITY;
    this.#high = [];
    this.#chunks = this.lane.keys.map((key, i) => {
      const { rows } = this.index.chunkRows(i);
      const chunk = rows ? this.#read(key, rows, known.get(rows)) : NONE;
      if (chunk.count > 0) high = Math.max(high, chunk.times[chunk.count - 1]!);
      this.#high.push(high);
      return chunk;
    });
  }

  /** First and last time; null without rows. */
  get extent(): [number, number] | null {
    return this.index.length === 0 ? null : [this.at(0), this.at(this.index.length - 1)];
  }

  /** Time of a row. */
  at(row: number): number {
    const i = lowerBound(this.#chunks.length, (at) => this.index.chunkRows(at + 1).before > row);
    const { before } = this.index.chunkRows(i);
    const own = this.#chunks[i]?.times[row - before] ?? LATEST;
    return Math.max(this.#high[i - 1] ?? Number.NEGATIVE_INFINITY, own);
  }

  /** How many rows have an earlier time. */
  before(time: number): number {
    const i = lowerBound(this.#high.length, (at) => this.#high[at]! >= time);
    const chunk = this.#chunks[i];
    if (!chunk) return this.index.length;
    const inside = lowerBound(chunk.count, (at) => chunk.times[at]! >= time);
    return Math.min(this.index.length, this.index.chunkRows(i).before + inside);
  }

  #read(key: number, rows: ChunkRows, known: ChunkTimes | undefined): ChunkTimes {
    const { time } = this.store.chunks.get(key)!;
    const chunk = known ?? { of: rows, count: 0, times: new Float64Array(rows.from.length) };
    if (chunk.times.length < rows.rowCount) {
      const grown = new Float64Array(rows.from.length);
      grown.set(chunk.times);
      chunk.times = grown;
    }
    let latest = chunk.count > 0 ? chunk.times[chunk.count - 1]! : -LATEST;
    for (let row = chunk.count; row < rows.rowCount; row++) {
      latest = Math.max(latest, wholeTime(time[rows.hits[rows.from[row]!]!]!));
      chunk.times[row] = latest;
    }
    chunk.count = rows.rowCount;
    return chunk;
  }
}

/** A whole number of milliseconds, whatever an event says. */
export function wholeTime(time: number): number {
  return Math.floor(Math.min(LATEST, Math.max(-LATEST, time))) || 0;
}
