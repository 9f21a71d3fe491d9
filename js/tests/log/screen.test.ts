import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import headless from "@xterm/headless";
import { describe, expect, test } from "vitest";
import { parseLine } from "../../src/log/ansi.ts";
import type { Cells } from "../../src/log/cells.ts";
import { type RawLine, ROWS, Screen, type ScreenSink } from "../../src/log/screen.ts";

const RECORDINGS = join(import.meta.dirname, "../../../tests/recordings");
const COLUMNS: Record<string, number> = { "tqdm.bin": 80 };

/** Keeps every line of a screen as visible text, the way a log does. */
class Book implements ScreenSink {
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

function visibleText(line: string | Uint8Array): string {
  const bytes = typeof line === "string" ? new TextEncoder().encode(line) : line;
  return expandTabs(parseLine(bytes).text);
}

function expandTabs(text: string): string {
  let out = "";
  for (const part of text) out += part === "\t" ? " ".repeat(8 - (out.length % 8)) : part;
  return out;
}

function trimmed(lines: string[]): string[] {
  const ends = lines.map((line) => line.trimEnd());
  while (ends.at(-1) === "") ends.pop();
  return ends;
}

/** The same bytes through the reference terminal; wrapped rows are joined again. */
async function reference(bytes: Uint8Array, columns: number): Promise<string[]> {
  const terminal = new headless.Terminal({
    cols: columns,
    rows: ROWS,
    scrollback: 1000,
    allowProposedApi: true,
    convertEol: true,
    scrollOnEraseInDisplay: true,
  });
  await new Promise<void>((done) => terminal.write(bytes, done));
  const lines: string[] = [];
  const { active } = terminal.buffer;
  for (let y = 0; y < active.length; y++) {
    const row = active.getLine(y)!;
    const text = row.translateToString(false);
    if (row.isWrapped) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  terminal.dispose();
  return trimmed(lines);
}

function play(bytes: Uint8Array, step = bytes.length): string[] {
  const book = new Book();
  for (let at = 0; at < bytes.length; at += step) {
    book.screen.arena.append(bytes.subarray(at, at + step));
    book.screen.read(book.screen.arena.length);
  }
  return book.lines();
}

const recordings = readdirSync(RECORDINGS).filter((name) => name.endsWith(".bin"));

describe("recorded output of real programs", () => {
  test.each(recordings)("%s looks as in the reference terminal", async (name) => {
    const bytes = readFileSync(join(RECORDINGS, name));
    const expected = await reference(bytes, COLUMNS[name] ?? 100);

    expect(expected.length).toBeGreaterThan(1);
    expect(play(bytes)).toEqual(expected);
  });

  test.each(recordings)("%s looks the same however it arrives", (name) => {
    const bytes = readFileSync(join(RECORDINGS, name));
    const whole = play(bytes);

    for (const step of [1, 2, 3, 7, 100]) expect(play(bytes, step)).toEqual(whole);
  });

  test.each(recordings)("%s looks as in the reference terminal after every part", async (name) => {
    const bytes = readFileSync(join(RECORDINGS, name));
    for (let part = 1; part < 20; part++) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * part) / 20));
      const whole = cut.subarray(0, cut.length - tail(cut));

      expect(play(whole)).toEqual(await reference(whole, COLUMNS[name] ?? 100));
    }
  });
});

describe("generated output", () => {
  let seed = 11;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const pick = (parts: readonly string[]) => parts[random(parts.length)]!;
  // No emoji: the reference counts them as one column, as Unicode 6 did.
  const words = ["a", "bc", "def ", "  ", "42%", "日本", "é", "█▌", "\t"];
  const moves = [
    "\r",
    "\n",
    "\n",
    "\r\n",
    "\b",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[B",
    "\x1b[3C",
    "\x1b[2D",
  ];
  const more = [
    "\x1b[E",
    "\x1b[F",
    "\x1b[5G",
    "\x1b[G",
    "\x1b[K",
    "\x1b[1K",
    "\x1b[2K",
    "\x1b7",
    "\x1b8",
  ];
  const rare = ["\x1b[J", "\x1b[1J", "\x1b[H", "\x1b[3;4H", "\x1b[31m", "\x1b[0m", "\x1b[?25l"];
  const piece = () => pick([pick(words), pick(words), pick(moves), pick(more), pick(rare)]);

  test("looks as in the reference terminal, whatever moves, erases and overwrites", async () => {
    for (let n = 0; n < 400; n++) {
      const text = Array.from({ length: 5 + random(60) }, piece).join("");
      const bytes = new TextEncoder().encode(text);

      expect(play(bytes), JSON.stringify(text)).toEqual(await reference(bytes, 500));
    }
  }, 60_000);

  test("looks the same however it arrives", () => {
    for (let n = 0; n < 200; n++) {
      const bytes = new TextEncoder().encode(Array.from({ length: 80 }, piece).join(""));

      expect(play(bytes, 1 + random(5))).toEqual(play(bytes));
    }
  });

  test("a program cannot reach what scrolled off, nor make the screen larger", () => {
    const lines = Array.from({ length: 200 }, (_, n) => `${n}\n`).join("");
    const text = play(new TextEncoder().encode(`${lines}\x1b[999A\rX\x1b[999;999HY\x1b[999B\n`));

    expect(text.indexOf("X51")).toBe(151);
    expect(text.length).toBe(201);
  });
});

/** Bytes of a character that is cut at the end. */
function tail(bytes: Uint8Array): number {
  let back = 0;
  while (back < 4 && (bytes[bytes.length - 1 - back]! & 0xc0) === 0x80) back++;
  return bytes.length > back && bytes[bytes.length - 1 - back]! >= 0xc0 ? back + 1 : 0;
}
