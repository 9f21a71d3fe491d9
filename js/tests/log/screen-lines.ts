// What a screen makes of bytes, as lines of visible text.

import { parseLine } from "../../src/log/ansi.ts";
import type { Cells } from "../../src/log/cells.ts";
import { type RawLine, Screen, type ScreenSink } from "../../src/log/screen.ts";

/** Keeps every line of a screen as visible text, the way a log does. */
export class Book implements ScreenSink {
  readonly raw: RawLine[] = [];
  readonly cells = new Map<number, Cells>();
  readonly settledAs = new Map<number, string>();
  readonly screen = new Screen(this);

  ended(raw: RawLine): void {
    this.raw.push({ ...raw });
  }
  edited(line: number, cells: Cells): void {
    this.cells.set(line, cells);
  }
  settled(line: number, cells: Cells): void {
    this.settledAs.set(line, cells.toString());
  }

  lines(): string[] {
    const texts = this.raw.map((raw, line) => this.#text(line, raw));
    const open = this.screen.openCells()?.toString() ?? this.#raw(this.screen.openLine());
    return trimmed([...texts, visibleText(open)]);
  }

  #text(line: number, raw: RawLine): string {
    const cells = this.settledAs.get(line) ?? this.cells.get(line)?.toString();
    return visibleText(cells ?? this.#raw(raw));
  }

  #raw(raw: RawLine | null): Uint8Array {
    return raw ? this.screen.arena.slice(raw.start, raw.end) : new Uint8Array(0);
  }
}

export function visibleText(line: string | Uint8Array): string {
  const bytes = typeof line === "string" ? new TextEncoder().encode(line) : line;
  return expandTabs(parseLine(bytes).text);
}

function expandTabs(text: string): string {
  let out = "";
  for (const part of text) out += part === "\t" ? " ".repeat(8 - (out.length % 8)) : part;
  return out;
}

export function trimmed(lines: string[]): string[] {
  const ends = lines.map((line) => line.trimEnd());
  while (ends.at(-1) === "") ends.pop();
  return ends;
}

export function play(bytes: Uint8Array, step = bytes.length): string[] {
  const book = new Book();
  for (let at = 0; at < bytes.length; at += step) {
    book.screen.arena.append(bytes.subarray(at, at + step));
    book.screen.read(book.screen.arena.length);
  }
  return book.lines();
}
