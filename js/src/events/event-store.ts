// The events of a page, in columns.
//
// A position names an event: its sequence, plus a stride per epoch, so that a stream which
// begins anew stands after the old one. Chunks of CHUNK positions hold the columns; a slot is
// filled once, so nothing can be there twice, and an empty slot is a known absence.

import type { EventRecord, Range } from "../kernel/protocol.ts";
import type { EventKind } from "./event-kinds.ts";
import { type Look, lookOf } from "./event-look.ts";

export const CHUNK = 16384;
const STRIDE = 2 ** 40;

/** Strings by number; events store the number. Number 0 is "nothing here". */
export class Dictionary {
  readonly names: string[] = [""];
  readonly counts: number[] = [0];
  readonly #codes = new Map<string, number>([["", 0]]);

  code(name: string): number {
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    // The columns hold 16 bits: past that, values share the last code under one name.
    if (this.names.length >= 65535) return this.#overflow();
    this.names.push(name);
    this.counts.push(0);
    this.#codes.set(name, this.names.length - 1);
    return this.names.length - 1;
  }

  /** The number of a name already seen, or -1. */
  find(name: string): number {
    return this.#codes.get(name) ?? -1;
  }

  #overflow(): number {
    if (this.names.length === 65535) {
      this.names.push("(other)");
      this.counts.push(0);
    }
    return 65535;
  }
}

export class Chunk {
  readonly time = new Float64Array(CHUNK);
  /** Code of the type plus one is what makes a slot filled; 0 is empty. */
  readonly type = new Uint16Array(CHUNK);
  readonly source = new Uint16Array(CHUNK);
  readonly origin = new Uint8Array(CHUNK);
  readonly kind = new Uint8Array(CHUNK);
  readonly fold = new Uint16Array(CHUNK);
  readonly payload: string[] = new Array<string>(CHUNK).fill("");
  count = 0;
  /** The first filled slot, or CHUNK. */
  first = CHUNK;
  /** One past the last filled slot. */
  end = 0;
  /** Grows when a slot before `end` was filled or emptied: what was derived must be made again. */
  revision = 0;
  chars = 0;

  constructor(readonly key: number) {}

  /** No slot between the first and the last filled one is empty. */
  get seamless(): boolean {
    return this.count === this.end - this.first;
  }

  /** Position of slot 0. */
  get base(): number {
    return this.key * CHUNK;
  }
}

/** Two events that belong together, by position. */
export interface Pair {
  open: number;
  close: number;
  openTime: number;
  closeTime: number;
  failed: boolean;
}

export interface EventAt extends EventRecord {
  position: number;
  look: Look;
  kind: EventKind;
}

export class Store {
  readonly types = new Dictionary();
  readonly sources = new Dictionary();
  readonly origins = new Dictionary();
  /** What events are about, as the kernel says. */
  readonly kinds = new Dictionary();
  /** By code of the type. */
  readonly looks: Look[] = [lookOf("")];
  readonly chunks = new Map<number, Chunk>();
  /** Keys of `chunks`, ascending. */
  readonly keys: number[] = [];
  axonId = "";
  size = 0;
  chars = 0;
  /** Filled slots let go to stay within the page's own budget. */
  evicted = 0;
  /** Position of the newest event, -1 for none. */
  newest = -1;
  /** Time of the first event of the stream as far as it is known. */
  oldestTime = Number.POSITIVE_INFINITY;
  /** One per epoch, in order: where it starts and what to call the divider. */
  readonly epochs: { start: number; label: string }[] = [];

  readonly #folds = new Dictionary();
  readonly #pairs = new Map<string, Pair>();
  readonly #pairAt = new Map<number, Pair>();

  /** A stream begins; what is there already stays before it. */
  beginEpoch(label: string): void {
    this.epochs.push({ start: this.epochs.length * STRIDE, label });
  }

  get epochStart(): number {
    return this.epochs.at(-1)?.start ?? 0;
  }

  position(sequence: number): number {
    return this.epochStart + sequence;
  }

  sequence(position: number): number {
    return position % STRIDE;
  }

  /** Whether an event belongs to a stream that ended before the current one began. */
  isOld(position: number): boolean {
    return position < this.epochStart;
  }

  has(position: number): boolean {
    const chunk = this.chunks.get(Math.floor(position / CHUNK));
    return chunk !== undefined && chunk.type[position % CHUNK] !== 0;
  }

  /** Take an event into the current epoch; false if it was there already. */
  add(record: EventRecord, kind: EventKind = "other"): boolean {
    const position = this.epochStart + record.sequence;
    const chunk = this.#chunkFor(position);
    const slot = position % CHUNK;
    if (chunk.type[slot] !== 0) return false;
    if (!this.axonId) this.axonId = record.axon_id;
    const type = this.#fill(chunk, slot, record, kind);
    this.#link(record, this.looks[type]!, position);
    if (slot < chunk.end) chunk.revision++;
    else chunk.end = slot + 1;
    if (slot < chunk.first) chunk.first = slot;
    if (slot === CHUNK - 1) this.#rederive(chunk.key + 1);
    chunk.count++;
    this.size++;
    if (position > this.newest) this.newest = position;
    if (record.timestamp_ms < this.oldestTime) this.oldestTime = record.timestamp_ms;
    return true;
  }

  get(position: number): EventAt | null {
    const chunk = this.chunks.get(Math.floor(position / CHUNK));
    const slot = position % CHUNK;
    if (!chunk || chunk.type[slot] === 0) return null;
    const type = chunk.type[slot]!;
    return {
      position,
      look: this.looks[type]!,
      kind: this.kinds.names[chunk.kind[slot]!] as EventKind,
      sequence: this.sequence(position),
      axon_id: this.axonId,
      timestamp_ms: chunk.time[slot]!,
      origin: this.origins.names[chunk.origin[slot]!]!,
      source: this.sources.names[chunk.source[slot]!]!,
      event_type: this.types.names[type]!,
      payload: chunk.payload[slot]!,
    };
  }

  /** The pair of an event, as it was when `newest` was the newest position. */
  pairAt(position: number, newest = Number.POSITIVE_INFINITY): Pair | null {
    const pair = this.#pairAt.get(position) ?? null;
    if (!pair || pair.close <= newest) return pair;
    return { ...pair, close: -1, closeTime: 0, failed: false };
  }

  /** Positions of the events of a type, ascending. */
  positionsOf(name: string): number[] {
    const type = this.types.find(name);
    const found: number[] = [];
    if (type < 0) return found;
    for (const key of this.keys) {
      const chunk = this.chunks.get(key)!;
      for (let at = chunk.type.indexOf(type); at >= 0; at = chunk.type.indexOf(type, at + 1))
        found.push(chunk.base + at);
    }
    return found;
  }

  /** The pair whose ends carry `key`, as the looks make it. */
  pairNamed(key: string): Pair | null {
    return this.#pairs.get(key) ?? null;
  }

  /** Empty positions in [from, to], newest first, at most `limit` ranges. */
  absent(from: number, to: number, limit: number): Range[] {
    const ranges: Range[] = [];
    let end = to;
    while (end >= from && ranges.length < limit) {
      const last = this.#previous(end, from, false);
      if (last < from) break;
      const present = this.#previous(last, from, true);
      ranges.push([present + 1, last]);
      end = present;
    }
    return ranges;
  }

  /** Events whose type says that something failed. */
  get errors(): number {
    const counts = this.types.counts;
    return this.looks.reduce(
      (sum, { shape }, code) => sum + (shape === "error" ? (counts[code] ?? 0) : 0),
      0,
    );
  }

  /** The event number `rank` of those that are here, counted from 0, by position; -1 past them. */
  atRank(rank: number): number {
    let before = 0;
    for (const key of this.keys) {
      const chunk = this.chunks.get(key)!;
      if (rank >= before + chunk.count) {
        before += chunk.count;
        continue;
      }
      let slot = chunk.first + (chunk.seamless ? rank - before : 0);
      for (let left = chunk.seamless ? 0 : rank - before; ; slot++)
        if (chunk.type[slot] !== 0 && left-- === 0) return chunk.base + slot;
    }
    return -1;
  }

  /** How many of the positions in [from, to] are filled. */
  filledIn(from: number, to: number): number {
    let count = 0;
    for (const key of this.keys) {
      const chunk = this.chunks.get(key)!;
      const { base } = chunk;
      if (base > to || base + CHUNK <= from) continue;
      if (base >= from && base + CHUNK - 1 <= to) count += chunk.count;
      else
        count += countFilled(
          chunk,
          Math.max(from, base) - base,
          Math.min(to - base + 1, chunk.end),
        );
    }
    return count;
  }

  /** The last filled position at or before `position`, or -1. */
  lastFilled(position: number): number {
    return this.#previous(position, 0, true);
  }

  /** The first filled position after `position`, or -1. */
  nextFilled(position: number): number {
    const from = Math.floor((position + 1) / CHUNK);
    for (const key of this.keys) {
      if (key < from) continue;
      const chunk = this.chunks.get(key)!;
      for (let slot = Math.max(chunk.first, position + 1 - chunk.base); slot < chunk.end; slot++)
        if (chunk.type[slot] !== 0) return chunk.base + slot;
    }
    return -1;
  }

  /** The filled position before `position` in the same epoch, or -1. */
  previousFilled(position: number): number {
    const start = Math.floor(position / STRIDE) * STRIDE;
    const found = this.#previous(position - 1, start, true);
    return found < start ? -1 : found;
  }

  /** Let go of the oldest chunks until the page is within its budget; the newest one stays. */
  evict(maxChars: number): number {
    let gone = 0;
    while (this.chars > maxChars && this.keys.length > 1) {
      const key = this.keys.shift()!;
      const chunk = this.chunks.get(key)!;
      this.chunks.delete(key);
      this.chars -= chunk.chars;
      this.size -= chunk.count;
      gone += chunk.count;
      this.#unlink(chunk);
    }
    if (gone > 0) this.#rederive(this.keys[0]);
    this.evicted += gone;
    return gone;
  }

  #fill(chunk: Chunk, slot: number, record: EventRecord, kindName: EventKind): number {
    const type = this.types.code(record.event_type || "(no type)");
    if (type >= this.looks.length) this.looks[type] = lookOf(this.types.names[type]!);
    const source = this.sources.code(record.source);
    const origin = this.origins.code(record.origin) & 255;
    const kind = this.kinds.code(kindName);
    this.types.counts[type]!++;
    this.sources.counts[source]!++;
    this.origins.counts[origin]!++;
    this.kinds.counts[kind]!++;
    chunk.time[slot] = record.timestamp_ms;
    chunk.type[slot] = type;
    chunk.source[slot] = source;
    chunk.origin[slot] = origin;
    chunk.kind[slot] = kind;
    chunk.payload[slot] = record.payload;
    const fold = this.looks[type]!.fold(record);
    if (fold) chunk.fold[slot] = this.#folds.code(`${type} ${source} ${fold}`);
    chunk.chars += record.payload.length;
    this.chars += record.payload.length;
    return type;
  }

  #link(record: EventRecord, look: Look, position: number): void {
    const end = look.pair(record);
    if (!end) return;
    const pair = this.#pairs.get(end.key) ?? {
      open: -1,
      close: -1,
      openTime: 0,
      closeTime: 0,
      failed: false,
    };
    this.#pairs.set(end.key, pair);
    this.#pairAt.set(position, pair);
    if (end.end === "part" || pair[end.end] >= 0) return;
    pair[end.end] = position;
    pair[end.end === "open" ? "openTime" : "closeTime"] = record.timestamp_ms;
    pair.failed ||= end.failed === true;
  }

  #unlink(chunk: Chunk): void {
    const { base } = chunk;
    for (let slot = 0; slot < chunk.end; slot++) {
      const type = chunk.type[slot]!;
      if (type === 0) continue;
      this.types.counts[type]!--;
      this.sources.counts[chunk.source[slot]!]!--;
      this.origins.counts[chunk.origin[slot]!]!--;
      this.kinds.counts[chunk.kind[slot]!]!--;
      this.#pairAt.delete(base + slot);
    }
    for (const [key, pair] of this.#pairs) {
      if (Math.max(pair.open, pair.close) < base + CHUNK) this.#pairs.delete(key);
    }
  }

  #chunkFor(position: number): Chunk {
    const key = Math.floor(position / CHUNK);
    const known = this.chunks.get(key);
    if (known) return known;
    const chunk = new Chunk(key);
    this.chunks.set(key, chunk);
    let at = this.keys.length;
    while (at > 0 && this.keys[at - 1]! > key) at--;
    this.keys.splice(at, 0, key);
    this.#rederive(this.keys[at + 1]);
    return chunk;
  }

  /** The first row of a chunk says what is missing before it, so it depends on the chunk before. */
  #rederive(key: number | undefined): void {
    const chunk = key === undefined ? undefined : this.chunks.get(key);
    if (chunk) chunk.revision++;
  }

  /** The last position ≤ `position` whose slot is filled (or empty), not below `floor`; else floor - 1. */
  #previous(position: number, floor: number, filled: boolean): number {
    let at = position;
    while (at >= floor) {
      const key = Math.floor(at / CHUNK);
      const chunk = this.chunks.get(key);
      if (!chunk) {
        if (!filled) return at;
        at = this.#lastBefore(key * CHUNK - 1);
        continue;
      }
      const base = key * CHUNK;
      // A full chunk has no empty slot, and the common question is for one.
      if (!filled && chunk.count === CHUNK) {
        at = base - 1;
        continue;
      }
      if (filled && at - base >= chunk.end) at = base + chunk.end - 1;
      while (at >= Math.max(base, floor)) {
        if ((chunk.type[at - base] !== 0) === filled) return at;
        at--;
      }
    }
    return floor - 1;
  }

  /** The end of the last chunk at or before `position`; below every floor if there is none. */
  #lastBefore(position: number): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle]! * CHUNK <= position) low = middle + 1;
      else high = middle;
    }
    const key = this.keys[low - 1];
    if (key === undefined) return Number.NEGATIVE_INFINITY;
    return Math.min(position, key * CHUNK + CHUNK - 1);
  }
}

function countFilled(chunk: Chunk, from: number, end: number): number {
  let count = 0;
  for (let slot = from; slot < end; slot++) if (chunk.type[slot] !== 0) count++;
  return count;
}
