import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import headless from "@xterm/headless";
import { describe, expect, test } from "vitest";
import { ROWS } from "../../src/log/screen.ts";
import { play, trimmed } from "./screen-lines.ts";

const RECORDINGS = join(import.meta.dirname, "../../../tests/recordings");
const COLUMNS: Record<string, number> = { "tqdm.bin": 80 };

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

// The same file holds Python's screen, which writes what stays in a saved notebook.
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../tests/widgets/screen_cases.json"), "utf8"),
) as {
  printed: Record<string, { printed: string; lines: string[] }>;
  recorded: Record<string, string[]>;
};

describe("what the kernel's screen is held to", () => {
  test.each(Object.entries(cases.printed))("%s", (_name, { printed, lines }) => {
    expect(play(new TextEncoder().encode(printed))).toEqual(lines);
  });

  test.each(Object.entries(cases.recorded))("%s", (name, lines) => {
    expect(play(readFileSync(join(RECORDINGS, name)))).toEqual(lines);
  });
});
