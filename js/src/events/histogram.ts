// How many events of which colour in which slice of time.
//
// Slices are 250 ms at first and double in length whenever there would be more than LIMIT,
// so a day costs as much as a minute.

export const HUES = 10;
const LIMIT = 8192;
const FIRST_MS = 250;

export interface Bar {
  from: number;
  /** Counts per hue. */
  counts: number[];
  total: number;
}

export class Histogram {
  sliceMs = FIRST_MS;
  #slices = new Map<number, Uint32Array>();
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  /** The slice that was counted in last: the next event mostly belongs to it, too. */
  #lastKey = Number.NaN;
  #last: Uint32Array = new Uint32Array(0);

  /** Time of the first and the end of the last slice; null while empty. */
  get extent(): [number, number] | null {
    if (this.#slices.size === 0) return null;
    return [this.#low * this.sliceMs, (this.#high + 1) * this.sliceMs];
  }

  add(time: number, hue: number, count = 1): void {
    const key = Math.floor(time / this.sliceMs);
    if (key !== this.#lastKey) {
      this.#last = this.#slice(key);
      this.#lastKey = key;
    }
    this.#last[hue]! += count;
    while (this.#slices.size > LIMIT) this.#halve();
  }

  /** At most `count` bars over [from, to), each a whole number of slices wide. */
  bars(from: number, to: number, count: number): { bars: Bar[]; widthMs: number } {
    const per = Math.max(1, Math.ceil((to - from) / this.sliceMs / Math.max(1, count)));
    const widthMs = per * this.sliceMs;
    const first = Math.floor(from / widthMs) * per;
    const last = Math.ceil(to / widthMs) * per;
    const bars: Bar[] = [];
    for (let key = first; key < last; key += per) bars.push(this.#bar(key, per));
    return { bars, widthMs };
  }

  /** Events in [from, to) by whole slices, for example for a rate. */
  count(from: number, to: number): number {
    let total = 0;
    for (let key = Math.floor(from / this.sliceMs); key < to / this.sliceMs; key++) {
      for (const value of this.#slices.get(key) ?? []) total += value;
    }
    return total;
  }

  #bar(key: number, per: number): Bar {
    const counts = new Array<number>(HUES).fill(0);
    let total = 0;
    for (let i = 0; i < per; i++) {
      const slice = this.#slices.get(key + i);
      if (!slice) continue;
      for (let hue = 0; hue < HUES; hue++) {
        counts[hue]! += slice[hue]!;
        total += slice[hue]!;
      }
    }
    return { from: key * this.sliceMs, counts, total };
  }

  #slice(key: number): Uint32Array {
    const known = this.#slices.get(key);
    if (known) return known;
    const slice = new Uint32Array(HUES);
    this.#slices.set(key, slice);
    this.#low = Math.min(this.#low, key);
    this.#high = Math.max(this.#high, key);
    return slice;
  }

  #halve(): void {
    this.#lastKey = Number.NaN;
    const old = this.#slices;
    this.#slices = new Map();
    this.#low = Number.POSITIVE_INFINITY;
    this.#high = Number.NEGATIVE_INFINITY;
    this.sliceMs *= 2;
    for (const [key, counts] of old) {
      const into = this.#slice(Math.floor(key / 2));
      for (let hue = 0; hue < HUES; hue++) into[hue]! += counts[hue]!;
    }
  }
}
