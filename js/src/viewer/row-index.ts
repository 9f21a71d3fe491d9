// From the events of a lane to rows: which pass the filter, which fold into one row, where dividers
// go.
//
// Built chunk by chunk, newest first and in slices of a few milliseconds, so that the visible
// rows of a new filter are there at once. A chunk that only grew is continued; a chunk into which
// a recovered event was put is built again. Row numbers are sums over chunks.

import { CHUNK, type Chunk } from "../events/event-columns.ts";
import type { Store } from "../events/event-store.ts";
import type { Lane } from "../events/lane.ts";
import type { Filter } from "../filter/filter.ts";
import { ChunkRows } from "./chunk-rows.ts";

/** What a row is, besides an event or a folded run of events. */
export enum Divider {
  /** Time passed before the event. */
  Pause = -1,
  /** Events before it are not here. */
  Missing = -2,
  /** A labelled mark stands before it. */
  Mark = -3,
  /** Another epoch begins. */
  Epoch = -4,
}

/** A quiet time longer than this gets a divider. */
export const PAUSE_MS = 5000;
/** Events looked at between two looks at the clock. */
const BLOCK = 256;
const NONE: readonly Divider[] = [];

export interface Row {
  /** An event, the first event of a run, or the event that a divider stands before. */
  position: number;
  /** Position of the last event of a run; `position` otherwise. */
  last: number;
  /** Number of events; 0 for a divider. */
  count: number;
  divider: Divider | 0;
  /** An event of a run that is shown unfolded. */
  child: boolean;
}

export interface RowOptions {
  filter: Filter;
  /** Fold consecutive pieces of one text into one row. */
  fold: boolean;
  /** Positions above are not shown: the view is paused, or shows a moment. */
  limit: number;
  /** Positions below are not shown: the view was cleared. */
  since: number;
  /** Only events in [from, to] of time, the brush of the chart. */
  time: readonly [number, number] | null;
  /** First positions of runs that are shown unfolded. */
  unfolded: ReadonlySet<number>;
  /** Quiet times get a divider. */
  pauses: boolean;
  /** Positions before which a labelled divider stands. */
  marks: ReadonlyMap<number, string>;
  /** Below this nothing is expected, so nothing is missing. */
  start: number;
}

/** How much of the chunk that the limit lies in is shown. Rows of a prefix are a prefix of the rows. */
interface Cut {
  key: number;
  rows: number;
  hits: number;
  /** The last run, which may go on after the limit, and how much of it is shown. */
  head: number;
  span: number;
}

export class RowIndex {
  #built = new Map<number, ChunkRows>();
  /** Number of rows before chunk i, in the order of lane.keys; one entry more than keys. */
  #before: number[] = [0];
  #hitsBefore: number[] = [0];
  complete = true;
  #cut: Cut | null = null;
  /** Of these options; asked for every event. */
  #tellsPauses: boolean;
  readonly #picked = new Uint16Array(BLOCK);

  constructor(
    private readonly store: Store,
    private readonly lane: Lane,
    private options: RowOptions,
  ) {
    this.#tellsPauses = tellsPauses(options);
  }

  /** The rows of chunk i of the lane, and how many stand before it. */
  chunkRows(i: number): { rows: ChunkRows | undefined; before: number } {
    return { rows: this.#built.get(this.lane.keys[i]!), before: this.#before[i] ?? this.length };
  }

  get length(): number {
    return this.#before.at(-1) ?? 0;
  }

  /** Events that passed the filter. */
  get hits(): number {
    return this.#hitsBefore.at(-1) ?? 0;
  }

  /** Begin anew with other options; rows appear with the next `update`. */
  reset(options: Partial<RowOptions>): void {
    this.options = { ...this.options, ...options };
    this.#tellsPauses = tellsPauses(this.options);
    this.#built.clear();
    this.#before = [0];
    this.#hitsBefore = [0];
    this.complete = false;
  }

  /** Build again the chunk around a position, for example after it was unfolded. */
  touch(position: number): void {
    this.#built.delete(Math.floor(position / CHUNK));
    this.complete = false;
  }

  /** Show what is at or before a position; nothing is built again for it. */
  setLimit(limit: number): void {
    this.options = { ...this.options, limit };
    this.#sum();
  }

  /** Where the stream begins and which labelled dividers it has, as the kernel says now. */
  setFrame(start: number, marks: ReadonlyMap<number, string>): void {
    const { marks: old, start: oldStart } = this.options;
    if (start === oldStart && marks.size === old.size) return;
    this.options = { ...this.options, start, marks: new Map(marks) };
    for (const mark of marks.keys()) if (!old.has(mark)) this.touch(mark);
    const first = this.lane.keys[0];
    if (start !== oldStart && first !== undefined) this.#built.delete(first);
  }

  /** Take in what is new, for at most `budget` ms; `complete` says whether everything is. */
  update(budget: number, now: () => number = () => performance.now()): boolean {
    const { chunks } = this.store;
    const until = now() + budget;
    let changed = this.#forget();
    this.complete = true;
    for (const key of this.#newestFirst()) {
      const chunk = chunks.get(key)!;
      const built = this.#current(chunk);
      if (built.done && built.upto >= chunk.end) continue;
      if (now() > until) {
        this.complete = false;
        break;
      }
      this.#grow(chunk, built, until, now);
      changed = true;
      if (!built.done) {
        this.complete = false;
        break;
      }
    }
    if (changed) this.#sum();
    return changed;
  }

  row(index: number): Row | null {
    const at = this.#chunkOf(index, this.#before);
    const key = this.lane.keys[at];
    const built = key === undefined ? undefined : this.#built.get(key);
    if (!built || key === undefined) return null;
    const inside = index - this.#before[at]!;
    const cut = this.#cut?.key === key ? this.#cut : null;
    if (!(inside >= 0 && inside < (cut?.rows ?? built.rowCount))) return null;
    const from = built.from[inside]!;
    const span = cut?.head === inside ? cut.span : built.span[inside]!;
    const base = key * CHUNK;
    const position = base + built.hits[from]!;
    if (span < 0) return { position, last: position, count: 0, divider: span, child: false };
    if (span === 0) return { position, last: position, count: 1, divider: 0, child: true };
    return {
      position,
      last: base + built.hits[from + span - 1]!,
      count: span,
      divider: 0,
      child: false,
    };
  }

  /** Index of the row that shows the event at a position, or of the next one after it. */
  indexOf(position: number): number {
    return Math.min(this.#indexOf(position), Math.max(0, this.length - 1));
  }

  #indexOf(position: number): number {
    const { keys } = this.lane;
    const key = Math.floor(position / CHUNK);
    let at = lowerBound(keys.length, (i) => keys[i]! >= key);
    if (at >= keys.length) return this.length;
    const built = this.#built.get(keys[at]!);
    const slot = position - keys[at]! * CHUNK;
    if (built && keys[at] === key) {
      const inside = lowerBound(built.rowCount, (i) => {
        const span = Math.max(1, built.span[i]!);
        return built.hits[built.from[i]! + span - 1]! >= slot;
      });
      if (inside < built.rowCount)
        return this.#before[at]! + this.#skipDividers(built, inside, slot);
      at++;
    }
    return this.#before[at] ?? this.length;
  }

  /** Positions that passed the filter, from `from` to `to`, oldest first. */
  *positions(from = 0, last = Number.POSITIVE_INFINITY): Generator<number> {
    const to = Math.min(last, this.options.limit);
    for (const key of [...this.lane.keys]) {
      const base = key * CHUNK;
      if (base + CHUNK <= from || base > to) continue;
      const built = this.#built.get(key);
      if (!built) continue;
      const { hits } = built;
      const first = lowerBound(built.hitCount, (i) => base + hits[i]! >= from);
      for (let i = first; i < built.hitCount && base + built.hits[i]! <= to; i++)
        yield base + built.hits[i]!;
    }
  }

  /** How many events in [from, to] passed the filter. */
  countHits(from: number, last: number): number {
    const to = Math.min(last, this.options.limit);
    if (to < from) return 0;
    let count = 0;
    for (const [i, key] of this.lane.keys.entries()) {
      const base = key * CHUNK;
      if (base + CHUNK <= from || base > to) continue;
      if (base >= from && base + CHUNK - 1 <= to) {
        count += this.#hitsBefore[i + 1]! - this.#hitsBefore[i]!;
        continue;
      }
      const built = this.#built.get(key);
      if (!built) continue;
      const { hits, hitCount } = built;
      const low = lowerBound(hitCount, (j) => base + hits[j]! >= from);
      count += lowerBound(hitCount, (j) => base + hits[j]! > to) - low;
    }
    return count;
  }

  #current(chunk: Chunk): ChunkRows {
    const known = this.#built.get(chunk.key);
    if (known && known.revision === chunk.revision) {
      if (known.upto < chunk.end) known.done = false;
      return known;
    }
    const built = new ChunkRows(chunk.revision);
    this.#built.set(chunk.key, built);
    return built;
  }

  #grow(chunk: Chunk, built: ChunkRows, until: number, now: () => number): void {
    const { since } = this.options;
    const { base, end } = chunk;
    const isSeamless = chunk.seamless && !this.#hasMark(base);
    let slot = Math.max(built.upto, Math.min(end, since - base));
    while (slot < end) {
      const stop = Math.min(end, slot + BLOCK);
      const count = this.#pick(chunk, slot, stop);
      for (let i = 0; i < count; i++) this.#push(chunk, built, this.#picked[i]!, isSeamless);
      slot = stop;
      if (slot < end && now() > until) break;
    }
    built.done = slot >= end;
    built.upto = built.done ? chunk.end : slot;
  }

  /** Write the slots in [slot, stop) that are to be shown into `picked`; returns how many. */
  #pick(chunk: Chunk, slot: number, stop: number): number {
    const { filter, time } = this.options;
    const picked = this.#picked;
    let count = 0;
    for (let at = slot; at < stop; at++) {
      if (chunk.type[at] === 0) continue;
      if (time && (chunk.time[at]! < time[0] || chunk.time[at]! > time[1])) continue;
      picked[count++] = at;
    }
    return filter.empty ? count : filter.sieve(chunk, picked, count);
  }

  #push(chunk: Chunk, built: ChunkRows, slot: number, isSeamless: boolean): void {
    const hit = built.addHit(slot);
    const previous = hit > 0 ? built.hits[hit - 1]! : -1;
    const dividers =
      isSeamless && slot > chunk.first && !this.#pausesBefore(chunk, slot)
        ? NONE
        : this.#dividers(chunk, slot, previous);
    for (const divider of dividers) built.addRow(hit, divider);
    const code = chunk.fold[slot]!;
    const joins = this.options.fold && dividers.length === 0 && code !== 0 && previous >= 0;
    if (joins && chunk.fold[previous] === code) this.#join(built, chunk.base, hit);
    else built.addRow(hit, 1);
  }

  #pausesBefore(chunk: Chunk, slot: number): boolean {
    return this.#tellsPauses && chunk.time[slot]! - chunk.time[slot - 1]! > PAUSE_MS;
  }

  /** Put a hit into the run of the last row; a run that is shown unfolded gets one more row. */
  #join(built: ChunkRows, base: number, hit: number): void {
    const { hits, from, span } = built;
    const row = built.rowCount - 1;
    let head = row;
    while (head > 0 && span[head] === 0) head--;
    span[head]!++;
    if (!this.options.unfolded.has(base + hits[from[head]!]!)) return;
    if (head === row) built.addRow(from[head]!, 0);
    built.addRow(hit, 0);
  }

  #hasMark(base: number): boolean {
    for (const mark of this.options.marks.keys())
      if (mark >= base && mark < base + CHUNK) return true;
    return false;
  }

  #dividers(chunk: Chunk, slot: number, previous: number): Divider[] {
    const { base } = chunk;
    const position = base + slot;
    const found: Divider[] = [];
    const adjacent = slot > 0 && chunk.type[slot - 1] !== 0;
    const before = adjacent ? position - 1 : this.store.previousFilled(position);
    const isFirst = before < 0;
    const expected = isFirst ? Math.min(position, this.options.start) : before + 1;
    if (expected < position) found.push(Divider.Missing);
    else if (this.#missingSinceHit(base, previous, position)) found.push(Divider.Missing);
    if (this.options.marks.has(position)) found.push(Divider.Mark);
    if (!isFirst && this.#tellsPauses && !found.length && this.#quietBefore(chunk, slot, before)) {
      found.push(Divider.Pause);
    }
    return found;
  }

  /** With a filter, a hole may lie between two events that were left out. */
  #missingSinceHit(base: number, previous: number, position: number): boolean {
    if (previous < 0 || this.options.filter.empty || base + previous + 1 >= position) return false;
    return this.store.absent(base + previous + 1, position - 1, 1).length > 0;
  }

  #quietBefore(chunk: Chunk, slot: number, before: number): boolean {
    const time =
      before >= chunk.base
        ? chunk.time[before - chunk.base]!
        : this.store.get(before)!.timestamp_ms;
    return chunk.time[slot]! - time > PAUSE_MS;
  }

  /** From a divider to its event; from the head of an unfolded run to the child at `slot`. */
  #skipDividers(built: ChunkRows, inside: number, slot: number): number {
    let at = inside;
    while (built.span[at]! < 0) at++;
    const from = built.from[at]!;
    if (built.span[at]! < 1 || built.span[at + 1] !== 0 || built.hits[from]! >= slot) return at;
    return at + 1 + lowerBound(built.span[at]!, (i) => built.hits[from + i]! >= slot);
  }

  /** Chunks that the store let go of. */
  #forget(): boolean {
    let gone = false;
    for (const key of this.#built.keys()) {
      if (this.store.chunks.has(key)) continue;
      this.#built.delete(key);
      gone = true;
    }
    return gone || this.#before.length !== this.lane.keys.length + 1;
  }

  #sum(): void {
    let rows = 0;
    let hits = 0;
    this.#before = [0];
    this.#hitsBefore = [0];
    this.#cut = this.#cutAt(this.options.limit);
    const cutKey = this.#cut?.key ?? Number.POSITIVE_INFINITY;
    for (const key of this.lane.keys) {
      const built = this.#built.get(key);
      if (key < cutKey) {
        rows += built?.rowCount ?? 0;
        hits += built?.hitCount ?? 0;
      } else if (key === cutKey) {
        rows += this.#cut!.rows;
        hits += this.#cut!.hits;
      }
      this.#before.push(rows);
      this.#hitsBefore.push(hits);
    }
  }

  #cutAt(limit: number): Cut | null {
    if (limit >= this.lane.newest) return null;
    const key = Math.floor(limit / CHUNK);
    const built = this.#built.get(key);
    if (!built) return { key, rows: 0, hits: 0, head: -1, span: 0 };
    const hits = lowerBound(built.hitCount, (i) => key * CHUNK + built.hits[i]! > limit);
    let rows = lowerBound(built.rowCount, (i) => built.from[i]! >= hits);
    let head = rows - 1;
    while (head >= 0 && built.span[head] === 0) head--;
    const span = Math.min(built.span[head] ?? 0, hits - (built.from[head] ?? 0));
    // A run of one event has no rows for its pieces.
    if (span === 1) rows = head + 1;
    return { key, rows, hits, head, span };
  }

  /** Keys of chunks in the order in which they are built: what is shown comes first. */
  #newestFirst(): number[] {
    const newest = [...this.lane.keys].reverse();
    const shown = newest.findIndex((key) => key * CHUNK <= this.options.limit);
    return shown > 0 ? [...newest.slice(shown), ...newest.slice(0, shown)] : newest;
  }

  /** Index into lane.keys of the chunk that holds row `index`. */
  #chunkOf(index: number, before: readonly number[]): number {
    return lowerBound(before.length, (i) => before[i]! > index) - 1;
  }
}

/** In a filtered list, or among the events of other axons, a quiet time would mislead. */
function tellsPauses({ filter, pauses, time }: RowOptions): boolean {
  return pauses && filter.empty && !time;
}

/** The first i in [0, length) for which `holds` is true, else length; `holds` must be monotone. */
export function lowerBound(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
