// Bytes by their offset: each taken once and in order, whatever arrives twice, late or never.

import { LogStore, STREAMS, type StreamName } from "./output-store.ts";

/** Bytes the page keeps; beyond, the oldest quarter goes. */
const KEEP_BYTES = 256 * 1024 * 1024;
/** Bytes that wait for a hole to be filled; with more, the hole is given up. */
const WAITING_BYTES = 16 * 1024 * 1024;
const REPLAY_BYTES = 1024 * 1024;

interface Waiting {
  offset: number;
  bytes: Uint8Array;
  atMs: number;
  /** Bytes directly before `offset` that can no longer be delivered. */
  missing: number;
}

/** Output that was loaded later and belongs in front. */
interface Earlier extends Waiting {
  stream: StreamName;
}

/** What the store was given: a part of a stream's bytes, or a hole before them. */
interface Piece {
  stream: StreamName;
  offset: number;
  /** Where its bytes begin among those the stream's screen was given. */
  position: number;
  length: number;
  atMs: number;
  missing: number;
}

interface Position {
  /** Offset of the first byte in the store; -1 before anything came. */
  first: number;
  /** Offset of the next byte to take. */
  next: number;
  lost: number;
}

/** A store and how it came about, so that another one can be made with more in front. */
class Ledger {
  readonly store = new LogStore();
  readonly pieces: Piece[] = [];
  readonly at: Record<StreamName, Position> = {
    stdout: { first: -1, next: 0, lost: 0 },
    stderr: { first: -1, next: 0, lost: 0 },
  };
  readonly finished = new Set<StreamName>();
  bytes = 0;
  /** When the newest bytes came. */
  #atMs = 0;

  begin(stream: StreamName, offset: number): void {
    const at = this.at[stream];
    if (at.first < 0) at.first = at.next = offset;
  }

  /** Takes what is new of the bytes and returns how many were not. */
  append(stream: StreamName, offset: number, bytes: Uint8Array, atMs: number): number {
    const at = this.at[stream];
    const known = Math.max(0, Math.min(at.next - offset, bytes.length));
    if (known === bytes.length) return known;
    const fresh = known > 0 ? bytes.subarray(known) : bytes;
    this.#record(stream, fresh.length, atMs);
    at.next += fresh.length;
    this.bytes += fresh.length;
    this.#atMs = atMs;
    this.store.append(stream, fresh, atMs);
    return known;
  }

  lose(stream: StreamName, offset: number): void {
    const at = this.at[stream];
    const missing = offset - at.next;
    if (missing <= 0) return;
    this.#add({ stream, offset, length: 0, atMs: this.#atMs, missing });
    at.lost += missing;
    at.next = offset;
    this.store.note(lostNote(stream, missing), stream, this.#atMs);
  }

  finish(stream: StreamName): void {
    if (this.finished.has(stream)) return;
    this.finished.add(stream);
    this.store.finish(stream, this.#atMs);
  }

  /** Part of a piece. */
  slice({ stream, position }: Piece, from: number, to: number): Uint8Array {
    return this.store.stream(stream).screen.arena.slice(position + from, position + to);
  }

  #record(stream: StreamName, length: number, atMs: number): void {
    const last = this.pieces.at(-1);
    if (last && last.stream === stream && last.atMs === atMs && last.missing === 0)
      last.length += length;
    else this.#add({ stream, offset: this.at[stream].next, length, atMs, missing: 0 });
  }

  #add(piece: Omit<Piece, "position">): void {
    const position = this.store.stream(piece.stream).screen.arena.length;
    this.pieces.push({ ...piece, position });
  }
}

export class Intake {
  /** Grows when `store` is another one: what was derived from it must be made again. */
  generation = 0;
  /** Bytes that came a second time. */
  repeated = 0;
  #ledger = new Ledger();
  #rebuilding: { ledger: Ledger; steps: Iterator<void> } | null = null;
  readonly #waiting: Record<StreamName, Waiting[]> = { stdout: [], stderr: [] };
  /** Earlier output that was loaded, until all of it is here. */
  readonly #head: Record<StreamName, Waiting[]> = { stdout: [], stderr: [] };
  /** Offset from which earlier output was asked for; -1 for none. */
  readonly #wanted: Record<StreamName, number> = { stdout: -1, stderr: -1 };

  constructor(private readonly keepBytes = KEEP_BYTES) {}

  get store(): LogStore {
    return this.#ledger.store;
  }

  /** Bytes [offset, offset + bytes.length) of a stream; `missing` before them will never come. */
  take(stream: StreamName, offset: number, bytes: Uint8Array, atMs: number, missing = 0): void {
    this.#ledger.begin(stream, offset - missing);
    const first = this.first(stream);
    if (offset < first || (offset === first && bytes.length === 0)) {
      this.#takeHead(stream, { offset, bytes, atMs, missing });
      return;
    }
    if (missing > 0 && offset - missing <= this.next(stream)) {
      this.#drain(stream);
      this.#ledger.lose(stream, offset);
    }
    if (offset > this.next(stream)) this.#wait(stream, { offset, bytes, atMs, missing });
    else this.repeated += this.#ledger.append(stream, offset, bytes, atMs);
    this.#drain(stream);
    if (this.#ledger.bytes > this.keepBytes && !this.#rebuilding) this.#forget();
  }

  /** Nothing of the stream has come, but the bytes before `offset` can be asked for. */
  start(stream: StreamName, offset: number): void {
    this.#ledger.begin(stream, offset);
  }

  /** Offset of the first byte the page has. */
  first(stream: StreamName): number {
    return Math.max(0, this.#ledger.at[stream].first);
  }

  /** Whether any byte of the stream has come. */
  started(stream: StreamName): boolean {
    return this.#ledger.at[stream].first >= 0;
  }

  /** Offset of the next byte to come. */
  next(stream: StreamName): number {
    return this.#ledger.at[stream].next;
  }

  lost(stream: StreamName): number {
    return this.#ledger.at[stream].lost;
  }

  /** Ask for what was before the first byte, from `offset` on. */
  want(stream: StreamName, offset: number): void {
    if (offset < this.first(stream)) this.#wanted[stream] = offset;
  }

  /** Whether earlier output was asked for and is not all here. */
  get loading(): boolean {
    return this.#rebuilding !== null || STREAMS.some((name) => this.#wanted[name] >= 0);
  }

  /** Inclusive offset ranges that are missing, newest first. */
  holes(stream: StreamName): [number, number][] {
    const newer = gaps(this.#waiting[stream], this.next(stream), -1);
    const wanted = this.#wanted[stream];
    if (wanted < 0) return newer;
    return newer.concat(gaps(this.#head[stream], wanted, this.first(stream)));
  }

  /** Whether output waits for a hole before it. */
  waits(stream: StreamName): boolean {
    return this.#waiting[stream].length > 0;
  }

  /** Nothing more will come for these holes: go on behind them. */
  giveUp(stream: StreamName): void {
    for (let first = this.#waiting[stream][0]; first; first = this.#waiting[stream][0]) {
      this.#ledger.lose(stream, first.offset);
      this.#drain(stream);
    }
  }

  /** The stream is over and all of it is here. */
  finish(stream: StreamName): void {
    this.#ledger.finish(stream);
  }

  /** All bytes of a stream that the page has, in order. */
  bytes(stream: StreamName): Uint8Array[] {
    const { arena } = this.store.stream(stream).screen;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < arena.length; at += REPLAY_BYTES)
      parts.push(arena.slice(at, Math.min(at + REPLAY_BYTES, arena.length)));
    return parts;
  }

  /** Start over, for another stream of bytes. */
  clear(): void {
    for (const name of STREAMS) {
      this.#waiting[name] = [];
      this.#head[name] = [];
      this.#wanted[name] = -1;
    }
    this.#rebuilding = null;
    this.#replace(new Ledger());
  }

  /**
   * Go on reading what came and putting loaded output in front, for about `budgetMs` each; true
   * when there is nothing to do.
   */
  step(budgetMs: number, clock: () => number = () => performance.now()): boolean {
    const rebuilt = this.#goOn(budgetMs, clock);
    return this.store.read(budgetMs, clock) && rebuilt;
  }

  #goOn(budgetMs: number, clock: () => number): boolean {
    const start = clock();
    while (this.#rebuilding) {
      const { ledger, steps } = this.#rebuilding;
      const { done } = steps.next();
      ledger.store.read(Number.POSITIVE_INFINITY);
      if (done) {
        this.#rebuilding = null;
        this.#replace(ledger);
      } else if (clock() - start > budgetMs) return false;
    }
    return true;
  }

  #wait(stream: StreamName, piece: Waiting): void {
    const list = this.#waiting[stream];
    insert(list, piece);
    const held = list.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (held > WAITING_BYTES) this.giveUp(stream);
  }

  #drain(stream: StreamName): void {
    const list = this.#waiting[stream];
    while (list.length > 0 && list[0]!.offset - list[0]!.missing <= this.next(stream)) {
      const { offset, bytes, atMs } = list.shift()!;
      this.#ledger.lose(stream, offset);
      this.repeated += this.#ledger.append(stream, offset, bytes, atMs);
    }
  }

  // ---- more in front, or less --------------------------------------------------------------

  #takeHead(stream: StreamName, piece: Waiting): void {
    const wanted = this.#wanted[stream];
    if (wanted < 0) {
      this.repeated += piece.bytes.length;
      return;
    }
    insert(this.#head[stream], piece);
    const waits = (name: StreamName) =>
      this.#wanted[name] >= 0 &&
      gaps(this.#head[name], this.#wanted[name], this.first(name)).length > 0;
    if (!STREAMS.some(waits)) this.#putInFront();
  }

  /** Both streams at once, because their times tell their order. */
  #putInFront(): void {
    const head: Earlier[] = [];
    const begin: [StreamName, number][] = [];
    for (const stream of STREAMS) {
      if (this.#wanted[stream] >= 0) begin.push([stream, this.#wanted[stream]]);
      merge(
        head,
        this.#head[stream].map((piece) => ({ ...piece, stream })),
      );
      this.#head[stream] = [];
      this.#wanted[stream] = -1;
    }
    this.#rebuild(
      (ledger) => {
        for (const [stream, offset] of begin) ledger.begin(stream, offset);
      },
      0,
      head,
    );
  }

  /** Lets go of about a quarter of what is there. */
  #forget(): void {
    const { pieces, bytes } = this.#ledger;
    let gone = 0;
    let from = 0;
    while (from < pieces.length - 1 && gone < bytes / 4) gone += pieces[from++]!.length;
    this.#rebuild(() => {}, from, []);
  }

  #rebuild(begin: (ledger: Ledger) => void, from: number, head: readonly Earlier[]): void {
    this.#finishRebuild();
    const old = this.#ledger;
    const ledger = new Ledger();
    begin(ledger);
    this.#rebuilding = { ledger, steps: replay(old, ledger, from, head) };
  }

  #finishRebuild(): void {
    this.#goOn(Number.POSITIVE_INFINITY, () => 0);
  }

  #replace(ledger: Ledger): void {
    this.#ledger = ledger;
    this.generation++;
  }
}

/**
 * Everything the old ledger took and what belongs in front, into the new one, in the order of
 * arrival; also what comes while this goes on.
 */
function* replay(
  old: Ledger,
  ledger: Ledger,
  from: number,
  head: readonly Earlier[],
): Generator<void> {
  const left = { stdout: 0, stderr: 0 };
  for (const { stream } of head) left[stream]++;
  let at = 0;
  for (let n = from; n < old.pieces.length; n++) {
    const next = old.pieces[n]!;
    while (at < head.length && (left[next.stream] > 0 || head[at]!.atMs <= next.atMs)) {
      left[head[at]!.stream]--;
      putEarlier(ledger, head[at++]!);
      yield;
    }
    yield* copy(old, ledger, next);
  }
  for (; at < head.length; at++) putEarlier(ledger, head[at]!);
  for (const stream of old.finished) ledger.finish(stream);
}

function putEarlier(ledger: Ledger, { stream, offset, bytes, atMs }: Earlier): void {
  ledger.lose(stream, offset);
  ledger.append(stream, offset, bytes, atMs);
}

function* copy(old: Ledger, ledger: Ledger, piece: Piece): Generator<void> {
  const { stream, offset, missing, atMs } = piece;
  ledger.begin(stream, offset - missing);
  ledger.lose(stream, offset);
  // A piece may grow at its end while it is copied.
  for (let at = 0; at < piece.length; at += REPLAY_BYTES) {
    const end = Math.min(at + REPLAY_BYTES, piece.length);
    ledger.append(stream, offset + at, old.slice(piece, at, end), atMs);
    yield;
  }
}

/** Puts the pieces of another stream between those of the list, by their times. */
function merge(list: Earlier[], others: readonly Earlier[]): void {
  const mine = list.splice(0);
  let at = 0;
  for (const other of others) {
    while (at < mine.length && mine[at]!.atMs <= other.atMs) list.push(mine[at++]!);
    list.push(other);
  }
  list.push(...mine.slice(at));
}

function insert(list: Waiting[], piece: Waiting): void {
  let at = list.length;
  while (at > 0 && list[at - 1]!.offset > piece.offset) at--;
  list.splice(at, 0, piece);
}

/** Inclusive ranges of [from, to) that the pieces leave open, newest first; `to` -1: to the last piece. */
function gaps(pieces: readonly Waiting[], from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let at = from;
  for (const { offset, bytes, missing } of pieces) {
    if (offset - missing > at) found.push([at, offset - missing - 1]);
    at = Math.max(at, offset + bytes.length);
  }
  if (to > at) found.push([at, to - 1]);
  return found.reverse();
}

function lostNote(stream: StreamName, bytes: number): string {
  return `··· ${bytes.toLocaleString("en-US")} bytes of ${stream} are not kept any more ···`;
}
