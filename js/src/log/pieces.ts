// The part of a line between two columns, cut into pieces that are painted in one go.

import type { Span } from "./ansi.ts";
import { charWidth, TAB } from "./width.ts";

export interface Piece {
  text: string;
  span: Span;
  /** Columns the piece takes. */
  columns: number;
  /** One character two columns wide: its glyph may be wider or narrower than that. */
  wide: boolean;
  /** Which of `places` it lies in, -1 for none. */
  place: number;
}

/** Columns [from, to) of a line; `places` are ranges of its text to be told apart, ascending. */
export function pieces(
  spans: readonly Span[],
  from: number,
  to: number,
  places: readonly [number, number][],
): Piece[] {
  const cutter = new Cutter(from, to, places);
  for (const span of spans) {
    if (cutter.column >= to) break;
    cutter.span(span);
  }
  return cutter.done;
}

const SIMPLE = /^[\x20-\x7e]*$/;

class Cutter {
  readonly done: Piece[] = [];
  column = 0;
  #index = 0;
  #place = 0;

  constructor(
    private readonly from: number,
    private readonly to: number,
    private readonly places: readonly [number, number][],
  ) {}

  span(span: Span): void {
    if (this.places.length === 0 && SIMPLE.test(span.text)) this.#simple(span);
    else this.#characters(span);
  }

  /** One column a character and nothing to tell apart. */
  #simple(span: Span): void {
    const { length } = span.text;
    const first = Math.max(0, this.from - this.column);
    const last = Math.min(length, this.to - this.column);
    if (last > first) {
      const text = span.text.slice(first, last);
      this.done.push({ text, span, columns: text.length, wide: false, place: -1 });
    }
    this.column += length;
    this.#index += length;
  }

  #characters(span: Span): void {
    for (const character of span.text) {
      if (this.column >= this.to) return;
      const code = character.codePointAt(0)!;
      const width = code === 9 ? TAB - (this.column % TAB) : charWidth(code);
      const place = this.#placeAt(this.#index);
      if (this.column >= this.from) {
        const text = code === 9 ? " ".repeat(width) : character;
        this.#add({ text, span, columns: width, wide: width === 2 && code !== 9, place });
      } else if (this.column + width > this.from) {
        // A character that is cut in half leaves a blank.
        const columns = this.column + width - this.from;
        this.#add({ text: " ".repeat(columns), span, columns, wide: false, place });
      }
      this.column += width;
      this.#index += character.length;
    }
  }

  #add(piece: Piece): void {
    const last = this.done.at(-1);
    const joins =
      last && last.span === piece.span && last.place === piece.place && !last.wide && !piece.wide;
    // What combines belongs to the character before it, also a wide one.
    if (last && (joins || piece.columns === 0)) {
      last.text += piece.text;
      last.columns += piece.columns;
    } else this.done.push(piece);
  }

  #placeAt(index: number): number {
    while (this.#place < this.places.length && this.places[this.#place]![1] <= index) this.#place++;
    const place = this.places[this.#place];
    return place && place[0] <= index ? this.#place : -1;
  }
}

/** The column of a position in a text. */
export function columnOf(text: string, index: number): number {
  let column = 0;
  let at = 0;
  for (const character of text) {
    if (at >= index) break;
    const code = character.codePointAt(0)!;
    column += code === 9 ? TAB - (column % TAB) : charWidth(code);
    at += character.length;
  }
  return column;
}

/** The position in a text of the character at a column; the text's length beyond its end. */
export function indexOf(text: string, column: number): number {
  let at = 0;
  let index = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const width = code === 9 ? TAB - (at % TAB) : charWidth(code);
    if (at + width > column) break;
    at += width;
    index += character.length;
  }
  return index;
}

/** The word around a position: from and to in the text. */
export function wordAt(text: string, index: number): [number, number] {
  const kind = (at: number) => {
    const character = text[at] ?? "";
    return /[\p{L}\p{N}_.\-/:@~+%]/u.test(character) ? 1 : /\s/.test(character) ? 2 : 3;
  };
  let from = index;
  let to = index;
  while (from > 0 && kind(from - 1) === kind(index)) from--;
  while (to < text.length && kind(to) === kind(index)) to++;
  return [from, to];
}
