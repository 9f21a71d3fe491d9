// The lines of a running command: two streams in order of arrival, as bytes and an index.
//
// A row is a line that has ended, numbered over both streams in the order in which they
// ended; rows are never removed or moved. What was printed is kept as the bytes it came as, a line
// that was redrawn as the text that remained. Only lines that are shown are parsed.

import { type Line, parseLine } from "./ansi.ts";
import { Arena, Pages } from "./arena.ts";
import type { Cells } from "./cells.ts";
import { ODD, type RawLine, Screen, type ScreenSink, STYLED, WIDE as WIDE_TEXT } from "./screen.ts";
import { advance } from "./width.ts";

export type StreamName = "stdout" | "stderr";
export const STREAMS: readonly StreamName[] = ["stdout", "stderr"];

/** A longer line is cut where it is shown, with a way to see more. */
export const LINE_LIMIT = 65_536;
/** Lines are looked through in runs of about this much. */
const RUN_BYTES = 262_144;
/** A search looks at this much of a line, bytes. */
const RUN_LIMIT = 1 << 20;
/** A row number that stands for the line of a stream that has not ended yet. */
export const OPEN_ROW = 0xfffffff0;

const WIDTH = 0xffff;
const STDERR = 1 << 16;
const REDRAWN = 1 << 17;
const NOTE = 1 << 18;
const CONTINUES = 1 << 19;
const LEVEL_SHIFT = 20;
const FLAG_SHIFT = 23;
/** Of a line that was redrawn nothing is known. */
const ALL_FLAGS = STYLED | WIDE_TEXT | ODD;
const FLAG_BITS = ALL_FLAGS << FLAG_SHIFT;
/** Bytes that are worth a run of their own. */
const STRETCH = 16_384;

/** Bytes that are read in one go: most of a slice while the code for it is cold. */
const READ_BYTES = 32_768;

/** Lines of a stream as they came. */
export interface Run {
  bytes: Uint8Array;
  /** Where each line begins in the bytes. */
  starts: number[];
  /** STYLED, WIDE, ODD of any of them. */
  flags: number;
}

export interface ShownLine extends Line {
  /** Bytes that are not in the text because the line was cut; 0 for a whole line. */
  cut: number;
}

/** What came and is to be read: a stream's bytes up to `end`, and what follows them. */
interface Arrival {
  stream: Stream;
  end: number;
  atMs: number;
  then: () => void;
}

/** One stream: its little terminal, and which row each of its lines has. */
class Stream implements ScreenSink {
  readonly screen = new Screen(this);
  readonly rows = new Pages();
  /** When the open line began. */
  openSince = 0;
  #openCells: Cells | null = null;

  constructor(
    private readonly store: LogStore,
    readonly bit: number,
  ) {}

  ended(raw: RawLine): void {
    const row = this.store.addRow(raw, this.bit, this.openSince);
    this.rows.push(row);
    if (this.#openCells) this.store.redraw(row, this.#openCells);
    this.#openCells = null;
    this.openSince = this.store.now;
  }

  edited(line: number, cells: Cells): void {
    if (line < this.rows.length) this.store.redraw(this.rows.get(line), cells);
    else this.#openCells = cells;
  }

  settled(line: number, cells: Cells): void {
    this.store.settle(this.rows.get(line), cells);
  }
}

const utf8 = new TextEncoder();
const NEWLINE = new Uint8Array([0x0a]);

export class LogStore {
  readonly streams: readonly [Stream, Stream] = [new Stream(this, 0), new Stream(this, STDERR)];
  /** Arrival of what is being taken in, milliseconds since the epoch. */
  now = 0;
  /** Rows so far. */
  rows = 0;
  /** Columns of the widest row. */
  widest = 0;

  readonly #start = new Pages();
  readonly #length = new Pages();
  readonly #fg = new Pages();
  readonly #bg = new Pages();
  readonly #meta = new Pages();
  readonly #redrawn = new Arena();
  /** Lines that may still change: at most ROWS per stream. */
  readonly #live = new Map<number, Cells>();
  readonly #notes: string[] = [];
  /** Arrival times, one entry where the time changes from one row to the next. */
  readonly #timeRows: number[] = [];
  readonly #timeValues: number[] = [];
  readonly #arrivals: Arrival[] = [];

  /** Takes bytes; they become lines when they are read. */
  append(stream: StreamName, bytes: Uint8Array, atMs: number): void {
    this.stream(stream).screen.arena.append(bytes);
    this.#arrive(stream, atMs);
  }

  /** A line of ours in between: what is missing and why. */
  note(text: string, stream: StreamName, atMs: number): void {
    this.#arrive(stream, atMs, () => this.#note(text, this.stream(stream)));
  }

  /** No more output of this stream. */
  finish(stream: StreamName, atMs: number): void {
    this.#arrive(stream, atMs, () => this.stream(stream).screen.finish());
  }

  /** Reads what came, for about `budgetMs`; true when that was all. */
  read(budgetMs: number, clock: () => number = () => performance.now()): boolean {
    const start = clock();
    while (this.#arrivals.length > 0) {
      if (this.#readOne(this.#arrivals[0]!)) this.#arrivals.shift();
      if (clock() - start > budgetMs) break;
    }
    return this.#arrivals.length === 0;
  }

  #arrive(name: StreamName, atMs: number, then = () => {}): void {
    const stream = this.stream(name);
    this.#arrivals.push({ stream, end: stream.screen.arena.length, atMs, then });
  }

  #readOne({ stream, end, atMs, then }: Arrival): boolean {
    const { screen } = stream;
    this.now = atMs;
    if (this.#isBlank(stream)) stream.openSince = atMs;
    if (screen.until < end) screen.read(Math.min(screen.until + READ_BYTES, end));
    if (screen.until < end) return false;
    then();
    return true;
  }

  #note(text: string, target: Stream): void {
    target.screen.breakLine();
    const raw = { start: this.#notes.length, end: this.#notes.length, fg: 0, bg: 0, flags: 0 };
    this.#notes.push(text);
    this.addRow({ ...raw, width: advance(text, 0) }, target.bit | NOTE, this.now);
  }

  stream(name: StreamName): Stream {
    return this.streams[name === "stdout" ? 0 : 1];
  }

  // ---- rows -------------------------------------------------------------------------------

  streamOf(row: number): StreamName {
    if (row >= OPEN_ROW) return STREAMS[row - OPEN_ROW]!;
    return this.#meta.get(row) & STDERR ? "stderr" : "stdout";
  }

  /** Number of a row within its stream, from 0. */
  lineOf(row: number): number {
    const { rows } = this.stream(this.streamOf(row));
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rows.get(middle) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Rows of the streams whose last line has begun and not ended. */
  openRows(): number[] {
    return this.streams.flatMap((stream, n) => (this.#isBlank(stream) ? [] : [OPEN_ROW + n]));
  }

  isNote(row: number): boolean {
    return row < OPEN_ROW && (this.#meta.get(row) & NOTE) !== 0;
  }

  /** Ended rows that may still be redrawn, at most 50 a stream. */
  liveRows(): number[] {
    return [...this.#live.keys()];
  }

  /** Whether the row may still be redrawn. */
  isLive(row: number): boolean {
    return row >= OPEN_ROW || this.#live.has(row);
  }

  /** Columns the row takes when it is shown, at most WIDTH. */
  width(row: number): number {
    if (row >= OPEN_ROW) return this.streams[row - OPEN_ROW]!.screen.openWidth;
    const cells = this.#live.get(row);
    return cells ? cells.length : this.#meta.get(row) & WIDTH;
  }

  /** Arrival of the row's first byte, milliseconds since the epoch. */
  time(row: number): number {
    if (row >= OPEN_ROW) return this.streams[row - OPEN_ROW]!.openSince;
    let low = 0;
    let high = this.#timeRows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timeRows[middle]! <= row) low = middle + 1;
      else high = middle;
    }
    return this.#timeValues[low - 1] ?? 0;
  }

  /** The row as it is shown; at most `limit` bytes of it. */
  line(row: number, limit = LINE_LIMIT): ShownLine {
    if (this.isNote(row)) return note(this.#notes[this.#start.get(row)]!);
    const { bytes, length, fg, bg } = this.#source(row, limit + 1);
    const end = length > limit ? wholeCharacters(bytes, limit) : length;
    return { ...parseLine(bytes.subarray(0, end), fg, bg), cut: length - end };
  }

  /** The same number as before: the row is shown as it was. Never changes for a final row. */
  version(row: number): number {
    if (row < OPEN_ROW) return this.#live.get(row)?.version ?? -1;
    const { screen } = this.streams[row - OPEN_ROW]!;
    return screen.count * 2 ** 22 + screen.openVersion(LINE_LIMIT + 1);
  }

  level(row: number): number {
    return (this.#meta.get(row) >>> LEVEL_SHIFT) & 7;
  }

  /** Whether the row belongs to the entry of the row before it in its stream. */
  continues(row: number): boolean {
    return row < OPEN_ROW && (this.#meta.get(row) & CONTINUES) !== 0;
  }

  classify(row: number, level: number, continues: boolean): void {
    const rest = this.#meta.get(row) & ~((7 << LEVEL_SHIFT) | CONTINUES);
    this.#meta.set(row, (rest | (level << LEVEL_SHIFT) | (continues ? CONTINUES : 0)) >>> 0);
  }

  /**
   * The bytes of one run of the stream's lines from `line` on, with "\n" between them, as they
   * were printed. At most `limit` bytes, but one line at least, or the beginning of a long one;
   * several only where they lie together and nothing has to be copied.
   */
  run(name: StreamName, line: number, limit = RUN_BYTES): Run {
    const { rows, screen } = this.stream(name);
    const first = rows.get(line);
    if (this.#live.has(first))
      return { bytes: this.#source(first, limit).bytes, starts: [0], flags: ALL_FLAGS };
    let meta = this.#meta.get(first);
    const redrawn = meta & REDRAWN;
    const arena = redrawn ? this.#redrawn : screen.arena;
    const start = this.#start.get(first);
    const room = Math.min(limit, arena.together(start));
    const starts = [0];
    let end = start + this.#length.get(first);
    for (let next = line + 1; next < rows.length; next++) {
      const row = rows.get(next);
      const from = this.#start.get(row);
      const stop = from + this.#length.get(row);
      const joins = (this.#meta.get(row) & REDRAWN) === redrawn && from > end && from - end <= 2;
      if (!joins || stop - start > room || this.#live.has(row)) break;
      // Where lines of a kind come in stretches, the plain ones are to be looked through as such.
      const changes = (this.#meta.get(row) & ~meta & FLAG_BITS) !== 0;
      if (changes && end - start > STRETCH) break;
      starts.push(from - start);
      end = stop;
      meta |= this.#meta.get(row);
    }
    const flags = redrawn ? ALL_FLAGS : meta >>> FLAG_SHIFT;
    end = Math.min(end, start + RUN_LIMIT);
    return { bytes: arena.slice(start, end), starts, flags };
  }

  /** Bytes held in memory for text and index. */
  get memory(): number {
    const pages = [this.#start, this.#length, this.#fg, this.#bg, this.#meta];
    const index = pages.concat(this.streams.map((stream) => stream.rows));
    const arenas = [this.#redrawn, ...this.streams.map((stream) => stream.screen.arena)];
    return [...index, ...arenas].reduce((sum, part) => sum + part.capacity, 0);
  }

  // ---- what the streams call --------------------------------------------------------------

  addRow(raw: RawLine, bits: number, atMs: number): number {
    const row = this.rows++;
    if (raw.width > this.widest) this.widest = raw.width;
    this.#start.set(row, raw.start);
    this.#length.set(row, raw.end - raw.start);
    this.#fg.set(row, raw.fg);
    this.#bg.set(row, raw.bg);
    this.#meta.set(row, bits | (raw.flags << FLAG_SHIFT) | Math.min(raw.width, WIDTH));
    if (this.#timeValues.at(-1) !== atMs) {
      this.#timeRows.push(row);
      this.#timeValues.push(atMs);
    }
    return row;
  }

  redraw(row: number, cells: Cells): void {
    this.#live.set(row, cells);
    this.#meta.set(row, this.#meta.get(row) | REDRAWN);
  }

  settle(row: number, cells: Cells): void {
    const bytes = utf8.encode(cells.toString());
    this.widest = Math.max(this.widest, cells.length);
    this.#live.delete(row);
    this.#start.set(row, this.#redrawn.append(bytes));
    this.#length.set(row, bytes.length);
    this.#redrawn.append(NEWLINE);
    this.#fg.set(row, 0);
    this.#bg.set(row, 0);
    this.#meta.set(row, (this.#meta.get(row) & ~WIDTH) | Math.min(cells.length, WIDTH));
  }

  /** The first bytes of a row, its length in bytes, and the style it begins in. */
  #source(row: number, limit: number): Source {
    if (row >= OPEN_ROW) return this.#openSource(this.streams[row - OPEN_ROW]!, limit);
    const cells = this.#live.get(row);
    if (cells) return whole(cells);
    const start = this.#start.get(row);
    const length = this.#length.get(row);
    const meta = this.#meta.get(row);
    const { arena } = this.streams[meta & STDERR ? 1 : 0].screen;
    const bytes = (meta & REDRAWN ? this.#redrawn : arena).slice(
      start,
      start + Math.min(length, limit),
    );
    return { bytes, length, fg: this.#fg.get(row), bg: this.#bg.get(row) };
  }

  #openSource({ screen }: Stream, limit: number): Source {
    const raw = screen.openLine();
    if (!raw) return whole(screen.openCells());
    const length = raw.end - raw.start;
    const bytes = screen.arena.slice(raw.start, raw.start + Math.min(length, limit));
    return { bytes, length, fg: raw.fg, bg: raw.bg };
  }

  #isBlank({ screen }: Stream): boolean {
    return !screen.openLine() && !screen.openCells();
  }
}

interface Source {
  bytes: Uint8Array;
  length: number;
  fg: number;
  bg: number;
}

function whole(cells: Cells | null): Source {
  const bytes = utf8.encode(cells?.toString() ?? "");
  return { bytes, length: bytes.length, fg: 0, bg: 0 };
}

function note(text: string): ShownLine {
  return { spans: [{ text, fg: 0, bg: 0, link: "" }], text, cut: 0 };
}

/** The last position ≤ `limit` at which no character is cut. */
function wholeCharacters(bytes: Uint8Array, limit: number): number {
  let at = limit;
  while (at > 0 && (bytes[at]! & 0xc0) === 0x80) at--;
  return at;
}
