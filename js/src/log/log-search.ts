// Finding lines, in slices that never hold up the page.
//
// ASCII with colours and nothing worse, which is nearly everything, is looked through as the bytes
// it came as; other lines are decoded, a run of them together.

import { Bits } from "./arena.ts";
import { linesNear, Words } from "./byte-search.ts";
import { type LogStore, type Run, STREAMS, type StreamName } from "./output-store.ts";
import { plainLine, visibleText } from "./plain.ts";
import type { Query } from "./query.ts";
import { ODD, STYLED, WIDE } from "./screen.ts";

/** A slice that ran this much longer than asked for is the pattern's fault. */
const SLOW_MS = 400;

const ASCII = /^[\t\x20-\x7e]+$/;

export class Search {
  /** Rows that match. */
  readonly rows = new Bits();
  readonly counts: Record<StreamName, number> = { stdout: 0, stderr: 0 };
  /** The pattern took too long on a line; what was not searched is not known. */
  tooSlow = false;
  readonly #done: Record<StreamName, number> = { stdout: 0, stderr: 0 };
  /** What is looked for among bytes; null where that cannot be found among them. */
  readonly #words: Words | null;

  constructor(
    private readonly store: LogStore,
    readonly query: Query,
    private readonly clock: () => number = () => performance.now(),
  ) {
    const { needle, options } = query;
    this.#words = needle && ASCII.test(needle) ? new Words([needle], !options.matchCase) : null;
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
    const run = this.store.run(name, first);
    this.#done[name] = first + run.starts.length;
    for (const line of this.#linesIn(run)) this.#found(name, first + line);
  }

  /** Which lines of the run match, from 0. */
  #linesIn(run: Run): number[] {
    const { needle, options } = this.query;
    if (needle === null || run.starts.length === 1) return matching(visibleText(run), this.query);
    if (run.flags & (ODD | WIDE)) return linesWith(needle, visibleText(run), options.matchCase);
    return this.#words ? linesAsPrinted(this.#words, run) : [];
  }

  #found(name: StreamName, line: number): void {
    const row = this.store.stream(name).rows.get(line);
    this.counts[name]++;
    this.rows.add(row);
  }
}

function linesAsPrinted(words: Words, run: Run): number[] {
  const near = linesNear(words, run);
  return run.flags & STYLED ? near.filter((line) => words.isIn(plainLine(run, line))) : near;
}

function linesWith(needle: string, text: string, matchCase: boolean): number[] {
  const whole = matchCase ? text : text.toLowerCase();
  const found: number[] = [];
  let line = 0;
  let end = -1;
  for (let at = whole.indexOf(needle); at >= 0; at = whole.indexOf(needle, end)) {
    for (; end < at; line++) end = endOfLine(whole, end + 1);
    found.push(line - 1);
  }
  return found;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function matching(text: string, query: Query): number[] {
  const found: number[] = [];
  for (const [n, line] of text.split("\n").entries()) if (query.test(line)) found.push(n);
  return found;
}
