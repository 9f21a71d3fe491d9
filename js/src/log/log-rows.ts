// Which rows are shown and where: streams, "only matches", folded traces, wrapped lines.
//
// A place is a row of the picture, of fixed height: a wrapped line has several. Everything is
// brought up to date by what was added, never by going through all rows again.

import type { Bits } from "./arena.ts";
import { Pages } from "./arena.ts";
import { LINE_LIMIT, type LogStore, OPEN_ROW, type StreamName } from "./output-store.ts";

export interface RowFilter {
  /** Rows to show, with `around` rows before and after each. */
  matches(row: number): boolean;
  around: number;
  /** Rows before this one can be judged now. */
  upTo(): number;
}

export interface RowOptions {
  streams: "both" | StreamName;
  filter: RowFilter | null;
  /** Hide what continues an entry, except in these entries (by first row); null: no folding. */
  unfolded: Bits | null;
  /** Columns of a wrapped line; 0 for no wrapping. */
  columns: number;
}

export interface Place {
  row: number;
  /** Which part of a wrapped line, from 0. */
  part: number;
}

const BLOCK = 512;
/** Rows looked at in one go. */
const AT_ONCE = 150_000;

export class Rows {
  /** Shown rows, in order; not used while every row is shown. */
  readonly #list = new Pages();
  /** Places before every BLOCK-th shown row. */
  readonly #sums: number[] = [0];
  #summed = 0;
  #total = 0;
  /** Rows that were looked at. */
  #seen = 0;
  /** The last rows that are not shown but are near enough if a match comes. */
  #before: number[] = [];
  /** How many of the next rows are shown because a match was before them. */
  #after = 0;
  #entryShown = true;
  #open: number[] = [];

  constructor(
    private readonly store: LogStore,
    readonly options: RowOptions,
  ) {
    this.update();
  }

  /** Take in what was added to the store, or a good part of it; true when that is all. */
  update(atOnce = AT_ONCE): boolean {
    const all = Math.min(this.options.filter?.upTo() ?? this.store.rows, this.store.rows);
    const limit = Math.min(all, this.#seen + atOnce);
    // Wrapped lines have to be counted, so that even what needs no look takes its time.
    if (this.#plain) this.#seen = this.options.columns > 0 ? limit : all;
    else for (; this.#seen < limit; this.#seen++) this.#look(this.#seen);
    const open = this.options.filter || this.#seen < all ? [] : this.store.openRows();
    this.#open = open.filter((row) => this.#isOurs(row));
    if (this.options.columns > 0) this.#sum();
    return this.#seen === all;
  }

  /** Shown rows, the open ones included. */
  get count(): number {
    return this.#ended + this.#open.length;
  }

  /** Rows of fixed height. */
  get places(): number {
    if (this.options.columns === 0) return this.count;
    return this.#total + this.#openParts();
  }

  rowAt(index: number): number {
    if (index >= this.#ended) return this.#open[index - this.#ended]!;
    return this.#plain ? index : this.#list.get(index);
  }

  /** Index of the first shown row that is not before `row`. */
  indexOf(row: number): number {
    if (row >= OPEN_ROW) return this.#ended + Math.max(0, this.#open.indexOf(row));
    if (this.#plain) return Math.min(row, this.#ended);
    let low = 0;
    let high = this.#ended;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#list.get(middle) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  at(place: number): Place {
    if (this.options.columns === 0) return { row: this.rowAt(place), part: 0 };
    let block = this.#blockOf(place);
    let at = this.#sums[block]!;
    let index = block * BLOCK;
    for (block = this.count; index < block; index++) {
      const parts = this.#parts(this.rowAt(index));
      if (at + parts > place) return { row: this.rowAt(index), part: place - at };
      at += parts;
    }
    return { row: this.rowAt(this.count - 1), part: 0 };
  }

  /** First place of the shown row with this index. */
  placeOf(index: number): number {
    if (this.options.columns === 0) return index;
    const block = Math.min(Math.floor(index / BLOCK), this.#sums.length - 1);
    let at = this.#sums[block]!;
    for (let n = block * BLOCK; n < index; n++) at += this.#parts(this.rowAt(n));
    return at;
  }

  /** The rows that follow `row` in its entry and are hidden by folding. */
  folded(row: number): number {
    if (!this.options.unfolded || row >= OPEN_ROW || this.store.continues(row)) return 0;
    const stream = this.store.streamOf(row);
    let hidden = 0;
    for (let next = row + 1; next < this.store.rows && hidden < 1000; next++) {
      if (this.store.streamOf(next) !== stream) continue;
      if (!this.store.continues(next)) break;
      hidden++;
    }
    return hidden;
  }

  get #plain(): boolean {
    const { streams, filter, unfolded } = this.options;
    return streams === "both" && filter === null && unfolded === null;
  }

  get #ended(): number {
    return this.#plain ? this.#seen : this.#list.length;
  }

  #isOurs(row: number): boolean {
    const { streams } = this.options;
    return streams === "both" || this.store.streamOf(row) === streams;
  }

  #look(row: number): void {
    if (!this.#isOurs(row)) return;
    if (this.#isFolded(row)) return;
    const { filter } = this.options;
    if (!filter) this.#list.push(row);
    else if (filter.matches(row)) this.#match(row, filter.around);
    else this.#noMatch(row, filter.around);
  }

  #isFolded(row: number): boolean {
    const { unfolded } = this.options;
    if (!unfolded) return false;
    if (!this.store.continues(row)) {
      this.#entryShown = unfolded.has(row);
      return false;
    }
    return !this.#entryShown;
  }

  #match(row: number, around: number): void {
    for (const near of this.#before) this.#list.push(near);
    this.#before = [];
    this.#list.push(row);
    this.#after = around;
  }

  #noMatch(row: number, around: number): void {
    // An entry is one thing: what goes on with a match is shown with it.
    if (this.#after > 0 || this.#goesOn(row)) {
      this.#list.push(row);
      if (!this.store.continues(row)) this.#after--;
      return;
    }
    this.#before.push(row);
    if (this.#before.length > around) this.#before.shift();
  }

  #goesOn(row: number): boolean {
    const { length } = this.#list;
    return length > 0 && this.#list.get(length - 1) === row - 1 && this.store.continues(row);
  }

  // ---- wrapped lines ----------------------------------------------------------------------

  #sum(): void {
    const { store } = this;
    for (; this.#summed < this.#ended; this.#summed++) {
      const row = this.rowAt(this.#summed);
      // What may be redrawn is counted when it cannot any more.
      if (store.isLive(row)) break;
      this.#total += this.#parts(row);
      if ((this.#summed + 1) % BLOCK === 0) this.#sums.push(this.#total);
    }
  }

  #openParts(): number {
    let parts = 0;
    for (let index = this.#summed; index < this.count; index++)
      parts += this.#parts(this.rowAt(index));
    return parts;
  }

  #parts(row: number): number {
    const width = Math.min(this.store.width(row), LINE_LIMIT);
    return Math.max(1, Math.ceil(width / this.options.columns));
  }

  #blockOf(place: number): number {
    let low = 0;
    let high = this.#sums.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if (this.#sums[middle]! <= place) low = middle;
      else high = middle;
    }
    return low;
  }
}
