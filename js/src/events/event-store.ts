// The events of a page, in columns.
//
// A position names an event: its sequence in a lane. There is a lane per axon and epoch, so that a
// stream which begins anew stands apart from the old one. Chunks of CHUNK positions hold the columns;
// a slot is filled once, so nothing can be there twice, and an empty slot is a known absence.

import type { EventRecord, Range } from "../kernel/protocol.ts";
import { CHUNK, Chunk, Dictionary } from "./event-columns.ts";
import type { EventKind } from "./event-kinds.ts";
import { type Look, lookOf } from "./event-look.ts";
import { insertKey, Lane, laneNumber, type Pair, STRIDE } from "./lane.ts";

export interface EventAt extends EventRecord {
  position: number;
  /** Code of its axon in the store. */
  axon: number;
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
  /** Ids of axons; names by code, where they have one. */
  readonly axons = new Dictionary();
  readonly axonNames: string[] = [""];
  readonly lanes: Lane[] = [];
  size = 0;
  chars = 0;
  /** Filled slots let go to stay within the page's own budget. */
  evicted = 0;
  /** Position of the newest event, -1 for none. */
  newest = -1;
  /** Time of the first event of the stream as far as it is known. */
  oldestTime = Number.POSITIVE_INFINITY;
  /** In order: their lanes, by place of the axon, and what to call the divider. */
  readonly epochs: { lanes: Lane[]; label: string }[] = [];

  readonly #folds = new Dictionary();
  readonly #pairAt = new Map<number, Pair>();

  /** Streams begin; what is there already stays before them. */
  beginEpoch(label: string): void {
    this.epochs.push({ lanes: [], label });
  }

  /** The lane of an axon in the current epoch. */
  lane(place = 0): Lane {
    const { lanes } = this.epochs.at(-1)!;
    while (lanes.length <= place) {
      const lane = new Lane(this.lanes.length, lanes.length, this.epochs.length - 1);
      this.lanes.push(lane);
      lanes.push(lane);
    }
    return lanes[place]!;
  }

  laneAt(position: number): Lane | undefined {
    return this.lanes[laneNumber(position)];
  }

  /** Whose lane it is, and what people call it. */
  nameAxon(lane: Lane, id: string, name: string): void {
    lane.axon = this.axons.code(id);
    this.axonNames[lane.axon] = name;
  }

  /** What people call the axon with a code. */
  axonName(code: number): string {
    return this.axonNames[code] || this.axons.names[code]!;
  }

  /** What an `axon:` term calls an axon: its name, where that means this one alone. */
  axonTerm(code: number): string {
    const name = this.axonNames[code] ?? "";
    const isPlain = name !== "" && !/[,*]/.test(name);
    const isOnly = this.axonNames.filter((other) => other === name).length === 1;
    return isPlain && isOnly ? name : this.axons.names[code]!;
  }

  position(sequence: number, place = 0): number {
    return this.lane(place).position(sequence);
  }

  sequence(position: number): number {
    return position % STRIDE;
  }

  /** Whether an event belongs to a stream that ended before the current epoch began. */
  isOld(position: number): boolean {
    return (this.laneAt(position)?.epoch ?? 0) < this.epochs.length - 1;
  }

  has(position: number): boolean {
    const chunk = this.chunks.get(Math.floor(position / CHUNK));
    return chunk !== undefined && chunk.type[position % CHUNK] !== 0;
  }

  /** Take an event into a lane; false if it was there already. */
  add(record: EventRecord, kind: EventKind = "other", lane = this.lane()): boolean {
    const position = lane.start + record.sequence;
    const chunk = this.#chunkFor(position, lane);
    const slot = position % CHUNK;
    if (chunk.type[slot] !== 0) return false;
    if (lane.axon === 0) lane.axon = this.axons.code(record.axon_id);
    this.axons.counts[lane.axon]!++;
    const type = this.#fill(chunk, slot, record, kind);
    this.#link(record, this.looks[type]!, position, lane);
    if (slot < chunk.end) chunk.revision++;
    else chunk.end = slot + 1;
    if (slot < chunk.first) chunk.first = slot;
    if (slot === CHUNK - 1) this.#rederive(chunk.key + 1);
    chunk.count++;
    lane.size++;
    this.size++;
    if (position > lane.newest) lane.newest = position;
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
      axon: chunk.lane.axon,
      axon_id: this.axons.names[chunk.lane.axon]!,
      timestamp_ms: chunk.time[slot]!,
      origin: this.origins.names[chunk.origin[slot]!]!,
      source: this.sources.names[chunk.source[slot]!]!,
      event_type: this.types.names[type]!,
      payload: chunk.payload[slot]!,
    };
  }

  /** Orders positions as rows are: by epoch, time, axon and sequence. */
  readonly byTime = (a: number, b: number): number => {
    const [first, second] = [this.laneAt(a), this.laneAt(b)];
    if (first === second || !first || !second) return a - b;
    return first.epoch - second.epoch || this.#time(a) - this.#time(b) || a - b;
  };

  #time(position: number): number {
    return this.chunks.get(Math.floor(position / CHUNK))?.time[position % CHUNK] ?? 0;
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
  pairNamed(key: string, { pairs }: Lane): Pair | null {
    return pairs.get(key) ?? null;
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

  /** How many of the positions of one lane in [from, to] are filled. */
  filledIn(from: number, to: number): number {
    let count = 0;
    for (const key of this.laneAt(from)?.keys ?? []) {
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

  /** The filled position before `position` in the same lane, or -1. */
  previousFilled(position: number): number {
    const start = this.laneAt(position)?.start ?? 0;
    const found = this.#previous(position - 1, start, true);
    return found < start ? -1 : found;
  }

  /**
   * Let go of chunks until the page is within its budget: the oldest of the lane that holds most.
   * The newest chunk of a lane stays.
   */
  evict(maxChars: number): number {
    let gone = 0;
    while (this.chars > maxChars) {
      const several = this.lanes.filter(({ keys }) => keys.length > 1);
      if (several.length === 0) break;
      const fullest = several.reduce((most, lane) => (lane.chars > most.chars ? lane : most));
      gone += this.#drop(fullest);
    }
    this.evicted += gone;
    return gone;
  }

  #drop(lane: Lane): number {
    const chunk = this.chunks.get(lane.keys.shift()!)!;
    this.keys.splice(this.keys.indexOf(chunk.key), 1);
    this.chunks.delete(chunk.key);
    this.chars -= chunk.chars;
    lane.chars -= chunk.chars;
    this.size -= chunk.count;
    lane.size -= chunk.count;
    lane.floor = chunk.base + CHUNK;
    this.#unlink(chunk);
    this.#rederive(lane.keys[0]);
    return chunk.count;
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
    chunk.lane.chars += record.payload.length;
    this.chars += record.payload.length;
    return type;
  }

  #link(record: EventRecord, look: Look, position: number, { pairs }: Lane): void {
    const end = look.pair(record);
    if (!end) return;
    const pair = pairs.get(end.key) ?? {
      open: -1,
      close: -1,
      openTime: 0,
      closeTime: 0,
      failed: false,
    };
    pairs.set(end.key, pair);
    this.#pairAt.set(position, pair);
    if (end.end === "part" || pair[end.end] >= 0) return;
    pair[end.end] = position;
    pair[end.end === "open" ? "openTime" : "closeTime"] = record.timestamp_ms;
    pair.failed ||= end.failed === true;
  }

  #unlink(chunk: Chunk): void {
    const { base } = chunk;
    const { pairs } = chunk.lane;
    this.axons.counts[chunk.lane.axon]! -= chunk.count;
    for (let slot = 0; slot < chunk.end; slot++) {
      const type = chunk.type[slot]!;
      if (type === 0) continue;
      this.types.counts[type]!--;
      this.sources.counts[chunk.source[slot]!]!--;
      this.origins.counts[chunk.origin[slot]!]!--;
      this.kinds.counts[chunk.kind[slot]!]!--;
      this.#pairAt.delete(base + slot);
    }
    for (const [key, pair] of pairs) {
      if (Math.max(pair.open, pair.close) < base + CHUNK) pairs.delete(key);
    }
  }

  #chunkFor(position: number, lane: Lane): Chunk {
    const key = Math.floor(position / CHUNK);
    const known = this.chunks.get(key);
    if (known) return known;
    const chunk = new Chunk(key, lane);
    this.chunks.set(key, chunk);
    insertKey(this.keys, key);
    this.#rederive(lane.keys[insertKey(lane.keys, key) + 1]);
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
      // The common question is for an empty slot, where there is none.
      if (!filled && chunk.seamless && at - base >= chunk.first && at - base < chunk.end) {
        at = base + chunk.first - 1;
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
