// Finding lines, in slices that never hold up the page.
//
// Runs of lines are decoded together: a run without a match costs one indexOf for all of them.

import { visible } from "../visible.ts";
import { Bits } from "./arena.ts";
import type { Query } from "./query.ts";
import { STYLED, WIDE } from "./screen.ts";
import { type LogStore, STREAMS, type StreamName } from "./store.ts";
import { Tokenizer, type TokenSink } from "./tokens.ts";
import { hides } from "./width.ts";

const RUN_BYTES = 262_144;
/** A slice that ran this much longer than asked for is the pattern's fault. */
const SLOW_MS = 400;

const utf8 = new TextDecoder();

/** The visible texts of the stream's lines from `line` on, joined by "\n". */
export function visibleRun(
  store: LogStore,
  stream: StreamName,
  line: number,
): { text: string; lines: number } {
  const { bytes, lines, flags } = store.run(stream, line, RUN_BYTES);
  const text = utf8.decode(flags & STYLED ? plain.of(bytes) : bytes);
  return { text: flags & WIDE && hides(text) ? visible(text) : text, lines };
}

/** Takes the sequences out of terminal text. */
class Plain implements TokenSink {
  #from: Uint8Array = new Uint8Array(0);
  #to = new Uint8Array(RUN_BYTES);
  #length = 0;

  /** The text; valid until the next call. */
  of(bytes: Uint8Array): Uint8Array {
    this.#from = bytes;
    this.#length = 0;
    // A control becomes a picture of three bytes.
    if (this.#to.length < bytes.length * 3) this.#to = new Uint8Array(bytes.length * 3);
    new Tokenizer().feed(bytes, 0, bytes.length, this);
    return this.#to.subarray(0, this.#length);
  }

  print(from: number, to: number): void {
    const source = this.#from;
    const target = this.#to;
    if (to - from > 48) target.set(source.subarray(from, to), this.#length);
    else for (let n = from, at = this.#length; n < to; n++) target[at++] = source[n]!;
    this.#length += to - from;
  }

  control(code: number): void {
    if (code === 0x09 || code === 0x0a) this.#to[this.#length++] = code;
    else if (code !== 0x07 && code !== 0x08 && code !== 0x0d) {
      this.#to.set(pictures.encode(visible(String.fromCharCode(code))), this.#length);
      this.#length += 3;
    }
  }

  begin(): void {}
  csi(): void {}
  escape(): void {}
  osc(): void {}
}

const pictures = new TextEncoder();
const plain = new Plain();

export class Search {
  /** Rows that match. */
  readonly rows = new Bits();
  readonly counts: Record<StreamName, number> = { stdout: 0, stderr: 0 };
  /** The pattern took too long on a line; what was not searched is not known. */
  tooSlow = false;
  readonly #done: Record<StreamName, number> = { stdout: 0, stderr: 0 };
  readonly #lower: boolean;

  constructor(
    private readonly store: LogStore,
    readonly query: Query,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.#lower = query.needle !== null && !query.options.matchCase;
  }

  /** Lines of the stream that have been looked at. */
  done(stream: StreamName): number {
    return this.#done[stream];
  }

  get complete(): boolean {
    return this.tooSlow || STREAMS.every((name) => this.#left(name) === 0);
  }

  /** Go on for about `budgetMs`; true when everything there is has been searched. */
  step(budgetMs: number): boolean {
    const start = this.clock();
    while (!this.complete) {
      const behind = this.#left("stderr") > this.#left("stdout") ? "stderr" : "stdout";
      this.#run(behind);
      const spent = this.clock() - start;
      if (spent > budgetMs + SLOW_MS) this.tooSlow = true;
      if (spent > budgetMs) break;
    }
    return this.complete;
  }

  /** Rows before this one have been looked at. */
  get upTo(): number {
    const rows = STREAMS.map((name) => this.store.stream(name).rows);
    const next = STREAMS.map((name, n) =>
      this.#left(name) > 0 ? rows[n]!.get(this.#done[name]) : this.store.rows,
    );
    return Math.min(...next);
  }

  /** The match before or after `row` among those that are ours, going round; -1 for none. */
  next(row: number, direction: 1 | -1, ours: (row: number) => boolean): number {
    const { rows } = this.store;
    const from = Math.min(Math.max(row, -1), rows);
    const step = (at: number) => this.#nearest(at, direction, ours);
    const found = step(from + direction);
    return found >= 0 ? found : step(direction === 1 ? 0 : rows - 1);
  }

  /** Which match the row is, from 1. */
  rank(row: number, streams: "both" | StreamName): number {
    let rank = 0;
    for (const at of this.rows.between(0, row + 1))
      if (streams === "both" || this.store.streamOf(at) === streams) rank++;
    return rank;
  }

  #nearest(from: number, direction: 1 | -1, ours: (row: number) => boolean): number {
    const { rows } = this.store;
    if (direction === 1) {
      for (const at of this.rows.between(Math.max(0, from), rows)) if (ours(at)) return at;
      return -1;
    }
    for (let at = Math.min(from, rows - 1); at >= 0; at--)
      if (this.rows.has(at) && ours(at)) return at;
    return -1;
  }

  /** Look again at the rows that may have been redrawn since; true when that changed something. */
  again(): boolean {
    let changed = false;
    for (const row of this.store.liveRows()) {
      if (row >= this.upTo) continue;
      const matches = this.query.test(this.store.line(row).text);
      if (matches === this.rows.has(row)) continue;
      this.counts[this.store.streamOf(row)] += matches ? 1 : -1;
      if (matches) this.rows.add(row);
      else this.rows.delete(row);
      changed = true;
    }
    return changed;
  }

  #left(name: StreamName): number {
    return this.store.stream(name).rows.length - this.#done[name];
  }

  #run(name: StreamName): void {
    const first = this.#done[name];
    const { text, lines } = visibleRun(this.store, name, first);
    this.#done[name] = first + lines;
    const { needle } = this.query;
    if (needle === null || lines === 1) this.#lines(name, first, text);
    else this.#needles(name, first, this.#lower ? text.toLowerCase() : text, needle);
  }

  #lines(name: StreamName, first: number, text: string): void {
    const lines = text.split("\n");
    for (let n = 0; n < lines.length; n++) {
      if (this.query.test(lines[n]!)) this.#found(name, first + n);
    }
  }

  #needles(name: StreamName, first: number, text: string, needle: string): void {
    let line = first;
    let lineEnd = text.indexOf("\n");
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, lineEnd)) {
      while (lineEnd >= 0 && lineEnd < at) {
        line++;
        lineEnd = text.indexOf("\n", lineEnd + 1);
      }
      this.#found(name, line);
      if (lineEnd < 0) return;
    }
  }

  #found(name: StreamName, line: number): void {
    const row = this.store.stream(name).rows.get(line);
    this.counts[name]++;
    this.rows.add(row);
  }
}
