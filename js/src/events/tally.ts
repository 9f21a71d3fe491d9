// The counts of the events up to a position, as the store has them for all of its events.

import type { Chunk } from "./event-columns.ts";
import type { Store } from "./event-store.ts";
import { Histogram } from "./histogram.ts";

/** Names with how often they occur; a Dictionary is one. */
export interface Counted {
  readonly names: readonly string[];
  /** By code, the index into `names`. */
  readonly counts: ArrayLike<number>;
  find(name: string): number;
}

/** What counts on the screen are made from: a Store, or a Tally of a part of it. */
export interface Totals {
  readonly size: number;
  readonly errors: number;
  readonly types: Counted;
  readonly sources: Counted;
  readonly origins: Counted;
  readonly kinds: Counted;
}

class Count implements Counted {
  readonly counts: Uint32Array;

  constructor(private readonly all: Counted) {
    this.counts = new Uint32Array(all.names.length);
  }

  get names(): readonly string[] {
    return this.all.names;
  }

  find(name: string): number {
    return this.all.find(name);
  }
}

export class Tally implements Totals {
  size = 0;
  readonly types: Count;
  readonly sources: Count;
  readonly origins: Count;
  readonly kinds: Count;
  readonly histogram = new Histogram();
  readonly #hues: number[];

  /** Count the events at or before `newest`; bars are as wide as the `sliceMs` of the histogram. */
  constructor(
    private readonly store: Store,
    newest: number,
    sliceMs: number,
  ) {
    this.types = new Count(store.types);
    this.sources = new Count(store.sources);
    this.origins = new Count(store.origins);
    this.kinds = new Count(store.kinds);
    this.histogram.sliceMs = sliceMs;
    this.#hues = store.looks.map(({ hue }) => hue);
    for (const key of store.keys) {
      const chunk = store.chunks.get(key)!;
      if (chunk.base > newest) break;
      this.#count(chunk, Math.min(chunk.end, newest - chunk.base + 1));
    }
  }

  get errors(): number {
    return this.store.looks.reduce(
      (sum, { shape }, code) => sum + (shape === "error" ? (this.types.counts[code] ?? 0) : 0),
      0,
    );
  }

  #count(chunk: Chunk, end: number): void {
    const types = this.types.counts;
    const sources = this.sources.counts;
    const origins = this.origins.counts;
    const kinds = this.kinds.counts;
    for (let slot = chunk.first; slot < end; slot++) {
      const type = chunk.type[slot]!;
      if (type === 0) continue;
      this.size++;
      types[type]!++;
      sources[chunk.source[slot]!]!++;
      origins[chunk.origin[slot]!]!++;
      kinds[chunk.kind[slot]!]!++;
      this.histogram.add(chunk.time[slot]!, this.#hues[type] ?? 8);
    }
  }
}
