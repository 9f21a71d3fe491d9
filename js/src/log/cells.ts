// A line that a program goes back to: one entry per column, so that it can be overwritten.

import { type Line, sgr } from "./ansi.ts";
import { charWidth, TAB } from "./width.ts";

/** Columns of a line that is being rewritten; what is printed beyond lands in the last one. */
export const MAX_CELLS = 65_536;

const ASCII = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const utf8 = new TextDecoder();

export class Cells {
  /** A character with what combines with it; "" is the second half of a wide one. */
  readonly #text: string[] = [];
  readonly #fg: number[] = [];
  readonly #bg: number[] = [];
  #links: string[] | null = null;
  /** There are wide characters or links, so that one cell is not like another. */
  #special = false;
  /** Grows whenever something is written or erased. */
  version = 0;

  static from(line: Line): Cells {
    const cells = new Cells();
    let column = 0;
    for (const span of line.spans)
      column = cells.write(span.text, column, span.fg, span.bg, span.link);
    return cells;
  }

  get length(): number {
    return this.#text.length;
  }

  /** Writes over what is there; returns the column after the text. */
  write(text: string, column: number, fg: number, bg: number, link = ""): number {
    let at = column;
    this.version++;
    for (const character of text) {
      if (character === "\t") {
        const stop = at + TAB - (at % TAB);
        while (at < stop) this.#put(at++, " ", fg, bg, link);
        continue;
      }
      const width = charWidth(character.codePointAt(0)!);
      if (width === 0) this.#combine(at - 1, character);
      else {
        at = Math.min(at, MAX_CELLS - width);
        this.#put(at, character, fg, bg, link);
        if (width === 2) this.#put(at + 1, "", fg, bg, link, true);
        at += width;
      }
    }
    return at;
  }

  /** The same for ASCII without controls, as progress bars print it by the megabyte. */
  writeAscii(bytes: Uint8Array, column: number, fg: number, bg: number): number {
    if (this.#special || column + bytes.length > MAX_CELLS)
      return this.write(utf8.decode(bytes), column, fg, bg);
    this.version++;
    while (this.#text.length < column) this.#fill();
    let at = column;
    for (const byte of bytes) {
      this.#text[at] = ASCII[byte]!;
      this.#fg[at] = fg;
      this.#bg[at] = bg;
      at++;
    }
    return at;
  }

  /** Blanks the columns from … to, both ends within the line. */
  erase(from: number, to: number, bg = 0): void {
    this.version++;
    if (to >= this.length && bg === 0) {
      this.#truncate(from);
      return;
    }
    for (let at = from; at < Math.min(to, MAX_CELLS); at++) this.#put(at, " ", 0, bg, "");
  }

  isBlank(): boolean {
    return this.#trimmed() === 0;
  }

  /** The line as text with SGR and links: begins in the default style. */
  toString(): string {
    const end = this.#trimmed();
    const parts: string[] = [];
    let fg = 0;
    let bg = 0;
    let link = "";
    for (let at = 0; at < end; at++) {
      const nextLink = this.#links?.[at] ?? "";
      if (nextLink !== link) {
        link = nextLink;
        parts.push(`\x1b]8;;${link}\x1b\\`);
      }
      if (this.#fg[at] !== fg || this.#bg[at] !== bg) {
        fg = this.#fg[at]!;
        bg = this.#bg[at]!;
        parts.push(sgr(fg, bg));
      }
      parts.push(this.#text[at]!);
    }
    return parts.join("");
  }

  #put(at: number, text: string, fg: number, bg: number, link: string, tail = false): void {
    while (this.#text.length < at) this.#fill();
    if (tail || link) this.#special = true;
    if (this.#special) this.#beside(at, tail);
    this.#text[at] = text;
    this.#fg[at] = fg;
    this.#bg[at] = bg;
    if (link || this.#links) this.#link(at, link);
  }

  /** What is written over half of a wide character blanks the other half. */
  #beside(at: number, tail: boolean): void {
    if (!tail && this.#text[at] === "" && at > 0) this.#text[at - 1] = " ";
    if (this.#text[at + 1] === "") this.#text[at + 1] = " ";
  }

  #fill(): void {
    this.#text.push(" ");
    this.#fg.push(0);
    this.#bg.push(0);
  }

  #link(at: number, link: string): void {
    this.#links ??= [];
    while (this.#links.length < at) this.#links.push("");
    this.#links[at] = link;
  }

  #combine(at: number, mark: string): void {
    const base = this.#text[at] === "" ? at - 1 : at;
    // Unbounded stacks of marks are a trick, not writing.
    if (base >= 0 && base < this.length && this.#text[base]!.length < 12) this.#text[base] += mark;
  }

  #truncate(from: number): void {
    if (from >= this.length) return;
    if (this.#text[from] === "" && from > 0) this.#text[from - 1] = " ";
    this.#text.length = from;
    this.#fg.length = from;
    this.#bg.length = from;
    if (this.#links) this.#links.length = Math.min(from, this.#links.length);
  }

  /** Columns without the blank ones at the end. */
  #trimmed(): number {
    let end = this.length;
    while (end > 0 && this.#text[end - 1] === " " && this.#bg[end - 1] === 0) end--;
    return end;
  }
}
