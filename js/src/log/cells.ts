// A line that a program goes back to: one entry per column, so that it can be overwritten.

import { type Line, sgr } from "./ansi.ts";
import { charWidth, TAB } from "./width.ts";

/** Columns of a line that is being rewritten; what is printed beyond lands in the last one. */
export const MAX_CELLS = 65_536;

export class Cells {
  /** A character with what combines with it; "" is the second half of a wide one. */
  readonly #text: string[] = [];
  readonly #fg: number[] = [];
  readonly #bg: number[] = [];
  #links: string[] | null = null;
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
    if (!tail && this.#text[at] === "" && at > 0) this.#text[at - 1] = " ";
    if (this.#text[at + 1] === "") this.#text[at + 1] = " ";
    this.#text[at] = text;
    this.#fg[at] = fg;
    this.#bg[at] = bg;
    if (link || this.#links) this.#link(at, link);
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
