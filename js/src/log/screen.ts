// The last lines of one output stream as a small terminal: programs that redraw (progress
// bars, spinners) can go back ROWS lines and no further; what scrolls off is final.
//
// A line that is only printed stays what it is, a range of bytes in the arena. It becomes
// cells when a program comes back to it, so plain output costs a scan of its bytes.

import { visible } from "../base/visible.ts";
import { linkTarget, Pen, parseLine } from "./ansi.ts";
import { Arena } from "./arena.ts";
import { Cells, MAX_CELLS } from "./cells.ts";
import { type Parameters, Tokenizer, type TokenSink, unfinishedTail } from "./tokens.ts";
import { bytesWidth, TAB } from "./width.ts";

/** Lines a program can come back to. */
export const ROWS = 50;
/** The cursor goes this far right at least, even past the end of its line. */
const COLUMNS = 512;
const RING = 64;
/** A line becomes cells up to here: no more of it could be shown as cells anyway. */
const CELL_BYTES = 4 * MAX_CELLS;

/** A line as a range of the stream's arena, and the style it begins in. */
export interface RawLine {
  start: number;
  end: number;
  fg: number;
  bg: number;
  /** Columns. */
  width: number;
  /** STYLED, WIDE and ODD: what searching has to take care of. */
  flags: number;
}

/** The line holds sequences or controls. */
export const STYLED = 1;
/** The line holds more than ASCII. */
export const WIDE = 2;
/** The line holds a control, or a sequence that is no complete CSI of digits and separators. */
export const ODD = 4;

export interface ScreenSink {
  /** The stream's next line has ended; it may still be rewritten until it is settled. */
  ended(raw: RawLine): void;
  /** The line has cells now, and they are what counts. */
  edited(line: number, cells: Cells): void;
  /** The edited line scrolled off: it will not change again. */
  settled(line: number, cells: Cells): void;
}

const LF = 0x0a;
/** Private modes: the alternate screen of full-screen programs. */
const ALTERNATE = new Set([47, 1047, 1049]);
const SET = 0x68;
const RESET = 0x6c;
const utf8 = new TextDecoder();

export class Screen implements TokenSink {
  readonly arena = new Arena();
  /** Lines that have ended; number `count` is the open one. */
  count = 0;
  /** First line a program can come back to. */
  top = 0;
  /** The cursor. */
  row = 0;
  column = 0;

  #tokens = new Tokenizer();
  readonly #pen = new Pen();
  readonly #ring: RawLine[] = Array.from({ length: RING }, () => newLine(0, 0, 0));
  readonly #cells = new Map<number, Cells>();
  #open = newLine(0, 0, 0);
  /** The open line's bytes end here for good: a CR or another move came after them. */
  #closed = false;
  #link = "";
  #saved = { row: 0, column: 0 };
  /** A full-screen program runs: what it shows goes away with it. */
  #alternate = false;
  /** Arena position up to which bytes have been taken in. */
  #at = 0;
  /** What is being fed, and the arena positions of its first byte and behind its last. */
  #bytes: Uint8Array = new Uint8Array(0);
  #base = 0;
  #fed = 0;
  /** How far to read for now; what cannot be told before more is there waits. */
  #until = 0;

  constructor(private readonly sink: ScreenSink) {}

  /** Takes in bytes of the arena, from where it stopped up to the position `until`. */
  read(until: number): void {
    const bytes = this.arena.slice(this.#fed, until);
    this.#until = until;
    this.#feed(bytes.subarray(0, bytes.length - unfinishedTail(bytes)));
  }

  /** How far it has been told to read. */
  get until(): number {
    return this.#until;
  }

  /** What follows does not go on with what came: the open line ends, and so does a sequence. */
  breakLine(): void {
    this.#feed(this.arena.slice(this.#fed, this.#until));
    this.#tokens = new Tokenizer();
    this.#alternate = false;
    if (this.openLine() || this.openCells()) this.#endOpen(this.#at);
    this.row = this.count;
    this.column = 0;
    while (this.row - this.top >= ROWS) this.#scroll();
  }

  /** The stream is over: what is open ends, and every line is final. */
  finish(): void {
    this.breakLine();
    for (const line of [...this.#cells.keys()].sort((a, b) => a - b)) this.#settle(line);
    this.top = this.row = this.count;
  }

  /** The open line while it is a range of bytes; null when it is empty or has cells. */
  openLine(): RawLine | null {
    if (this.#cells.has(this.count)) return null;
    const end = this.#closed ? this.#open.end : this.#fed;
    return this.#open.width > 0 ? { ...this.#open, end } : null;
  }

  openCells(): Cells | null {
    const cells = this.#cells.get(this.count);
    return cells && !cells.isBlank() ? cells : null;
  }

  /** The same number as before: the open line's first `limit` bytes are what they were. */
  openVersion(limit: number): number {
    const cells = this.#cells.get(this.count);
    if (cells) return cells.version * 2 + 1;
    const end = this.#closed ? this.#open.end : this.#fed;
    return Math.min(end - this.#open.start, limit) * 2;
  }

  /** Columns of the open line. */
  get openWidth(): number {
    return this.#cells.get(this.count)?.length ?? this.#open.width;
  }

  #feed(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#base = this.#fed;
    this.#fed += bytes.length;
    this.#tokens.feed(bytes, 0, bytes.length, this, this.#base);
  }

  // ---- what the tokenizer calls ----------------------------------------------------------

  print(from: number, to: number, ascii: boolean): void {
    if (this.#alternate) return;
    const bytes = this.#bytes.subarray(from - this.#base, to - this.#base);
    if (this.#atOpenEnd()) {
      if (ascii) this.#open.width += to - from;
      else this.#wide(bytes);
      this.column = this.#open.width;
    } else {
      this.#at = from;
      if (ascii && this.#link === "") this.#overwriteAscii(bytes);
      else this.#overwrite(visible(utf8.decode(bytes)));
    }
    this.#at = to;
  }

  control(code: number, at: number): void {
    if (this.#alternate) return;
    this.#at = at;
    if (code !== LF && code !== 0x09) this.#open.flags |= code === 0x0d ? STYLED : STYLED | ODD;
    if (code === LF) this.#newline(at);
    else if (code === 0x0b || code === 0x0c) this.#otherNewline(at);
    else if (code === 0x0d) this.#carriageReturn();
    else if (code === 0x08) this.column = Math.max(0, this.column - 1);
    else if (code === 0x09) this.#tab();
    else if (code !== 0x07) this.#picture(code);
    this.#at = at + 1;
  }

  begin(): void {
    this.#open.flags |= STYLED;
  }

  uncommon(): void {
    this.#open.flags |= ODD;
  }

  csi(final: number, parameters: Parameters, prefix: number, intermediate: number): void {
    if (prefix === 0x3f && (final === SET || final === RESET)) this.#mode(parameters, final);
    if (this.#alternate || prefix !== 0 || intermediate !== 0) return;
    if (final === 0x6d) this.#pen.apply(parameters);
    else this.#move(String.fromCharCode(final), parameters);
  }

  escape(final: number): void {
    if (this.#alternate) return;
    if (final === 0x37) this.#save();
    else if (final === 0x38) this.#restore();
  }

  osc(text: string): void {
    if (text.startsWith("8;")) this.#link = linkTarget(text);
  }

  #mode(modes: Parameters, final: number): void {
    if (!modes.values.subarray(0, modes.count).some((mode) => ALTERNATE.has(mode))) return;
    this.#alternate = final === SET;
    // The bytes in between are not the rest of the open line.
    this.#closeOpen();
  }

  // ---- cursor and erase -------------------------------------------------------------------

  #move(final: string, list: Parameters): void {
    const n = list.positive(0, 1);
    if (final === "A" || final === "F") this.row = Math.max(this.top, this.row - n);
    else if (final === "B" || final === "E") this.row = Math.min(this.top + ROWS - 1, this.row + n);
    else if (final === "C") this.#toColumn(this.column + n);
    else if (final === "D") this.#toColumn(this.column - n);
    else if (final === "G") this.#toColumn(n - 1);
    else if (final === "H" || final === "f") this.#toPosition(n, list.positive(1, 1));
    else if (final === "J") this.#eraseLines(list.positive(0, 0));
    else if (final === "K") this.#eraseLine(list.positive(0, 0));
    else if (final === "s") this.#save();
    else if (final === "u") this.#restore();
    if (final === "E" || final === "F") this.column = 0;
  }

  #toPosition(row: number, column: number): void {
    this.row = this.top + Math.min(row, ROWS) - 1;
    this.#toColumn(column - 1);
  }

  #toColumn(column: number): void {
    this.column = Math.max(0, Math.min(column, Math.max(this.column, COLUMNS - 1)));
  }

  #save(): void {
    this.#saved = { row: this.row - this.top, column: this.column };
  }

  #restore(): void {
    this.row = this.top + this.#saved.row;
    this.column = this.#saved.column;
  }

  #eraseLine(kind: number): void {
    const atEnd = kind === 0 && this.#atOpenEnd();
    if (atEnd || this.#isEmpty(this.row)) return;
    const cells = this.#editable();
    if (kind === 0) cells.erase(this.column, cells.length);
    else if (kind === 1) cells.erase(0, this.column + 1);
    else if (kind === 2) cells.erase(0, cells.length);
  }

  #eraseLines(kind: number): void {
    if (kind === 2) {
      this.#scrollAway();
      return;
    }
    if (kind > 1) return;
    this.#eraseLine(kind);
    const from = kind === 0 ? this.row + 1 : this.top;
    const to = kind === 0 ? this.count : Math.min(this.row - 1, this.count);
    for (let line = from; line <= to; line++) {
      if (!this.#isEmpty(line)) this.#cellsOf(line).erase(0, Number.POSITIVE_INFINITY);
    }
  }

  /** Clearing the screen keeps what was on it: it becomes final, and an empty screen follows. */
  #scrollAway(): void {
    let last = Math.min(this.count, this.top + ROWS - 1);
    while (last >= this.top && this.#isEmpty(last)) last--;
    const gone = last + 1 - this.top;
    if (last === this.count) this.#endOpen(this.#at);
    this.row += gone;
    for (let n = 0; n < gone; n++) this.#scroll();
  }

  // ---- lines ------------------------------------------------------------------------------

  #newline(at: number): void {
    if (this.row === this.count) this.#endOpen(at, at + 1);
    else this.#closeOpen();
    this.row++;
    this.column = 0;
    if (this.row - this.top >= ROWS) this.#scroll();
  }

  /** VT and FF: the line gets cells, so that among bytes only LF stands between lines. */
  #otherNewline(at: number): void {
    this.#editable();
    this.#newline(at);
  }

  #scroll(): void {
    this.#fillTo(this.top + 1);
    this.#settle(this.top);
    this.top++;
  }

  #carriageReturn(): void {
    if (this.row === this.count && this.#open.width > 0) this.#closeOpen();
    this.column = 0;
  }

  #overwriteAscii(bytes: Uint8Array): void {
    this.#closeOpen();
    this.column = this.#editable().writeAscii(bytes, this.column, this.#pen.fg, this.#pen.bg);
  }

  /** What follows in the stream is not the rest of the open line. */
  #closeOpen(): void {
    if (this.#closed) return;
    this.#open.end = this.#at;
    this.#closed = true;
  }

  #tab(): void {
    const stop = this.column + TAB - (this.column % TAB);
    if (this.#atOpenEnd()) this.#open.width = stop;
    else this.#closeOpen();
    this.column = stop;
  }

  #picture(code: number): void {
    if (this.#atOpenEnd()) this.column = ++this.#open.width;
    else this.#overwrite(visible(String.fromCharCode(code)));
  }

  #wide(bytes: Uint8Array): void {
    this.#open.width += bytesWidth(bytes);
    this.#open.flags |= WIDE;
  }

  #overwrite(text: string): void {
    this.#closeOpen();
    const { fg, bg } = this.#pen;
    this.column = this.#editable().write(text, this.column, fg, bg, this.#link);
  }

  /** Whether the next character continues the open line's bytes. */
  #atOpenEnd(): boolean {
    return (
      this.row === this.count &&
      this.column === this.#open.width &&
      !this.#closed &&
      !this.#cells.has(this.count)
    );
  }

  #isEmpty(line: number): boolean {
    const cells = this.#cells.get(line);
    if (cells) return cells.isBlank();
    if (line > this.count) return true;
    return (line === this.count ? this.#open : this.#ring[line % RING]!).width === 0;
  }

  #editable(): Cells {
    this.#fillTo(this.row);
    return this.#cellsOf(this.row);
  }

  #cellsOf(line: number): Cells {
    const known = this.#cells.get(line);
    if (known) return known;
    const raw = line === this.count ? this.#openNow() : this.#ring[line % RING]!;
    const bytes = this.arena.slice(raw.start, Math.min(raw.end, raw.start + CELL_BYTES));
    const cells = Cells.from(parseLine(bytes, raw.fg, raw.bg));
    this.#cells.set(line, cells);
    this.sink.edited(line, cells);
    return cells;
  }

  #openNow(): RawLine {
    return this.#closed ? this.#open : { ...this.#open, end: this.#at };
  }

  /** Ends lines until `line` is the open one or has ended already. */
  #fillTo(line: number): void {
    while (this.count < line) this.#endOpen(this.#at);
  }

  #endOpen(at: number, next = at): void {
    const raw = this.#open;
    if (!this.#closed) raw.end = at;
    if (this.#cells.has(this.count)) raw.end = raw.start;
    this.#ring[this.count % RING] = raw;
    this.sink.ended(raw);
    this.count++;
    this.#open = newLine(next, this.#pen.fg, this.#pen.bg);
    this.#closed = false;
  }

  #settle(line: number): void {
    const cells = this.#cells.get(line);
    if (!cells) return;
    this.#cells.delete(line);
    this.sink.settled(line, cells);
  }
}

function newLine(start: number, fg: number, bg: number): RawLine {
  return { start, end: start, fg, bg, width: 0, flags: 0 };
}
