import { describe, expect, test } from "vitest";
import { Needle } from "../../src/log/needle.ts";
import { Plain } from "../../src/log/plain.ts";
import { Query } from "../../src/log/query.ts";
import { Search } from "../../src/log/search.ts";
import { LogStore, STREAMS } from "../../src/log/store.ts";

const utf8 = new TextEncoder();

function linesIn(needle: string, lines: readonly string[], lower = false): number[] | null {
  return new Needle(needle, lower).linesIn(lines.join("\n"), true);
}

/** The rows a search finds, and those whose shown text holds the needle. */
function found(output: string, text: string, matchCase: boolean): [number[], number[]] {
  const store = new LogStore();
  store.append("stdout", utf8.encode(output), 1);
  store.finish("stdout");
  const search = new Search(store, new Query(text, { regex: false, matchCase }));
  while (!search.step(5));
  const fold = (line: string) => (matchCase ? line : line.toLowerCase());
  const rows = Array.from({ length: store.rows }, (_, row) => row);
  const expected = rows.filter((row) => fold(store.line(row).text).includes(fold(text)));
  return [[...search.rows.between(0, store.rows)], expected];
}

/** The same numbers every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("text among sequences", () => {
  test("is found before, behind and around a colour", () => {
    const lines = ["a needle", "\x1b[32mneedle\x1b[0m", "nee\x1b[1m\x1b[31mdle", "need"];

    expect(linesIn("needle", lines)).toEqual([0, 1, 2]);
  });

  test("is not found in what a colour is written with", () => {
    const lines = ["\x1b[32mx", "\x1b[1;32m32", "[32m", "\x1b[m"];

    expect(linesIn("32", lines)).toEqual([1, 2]);
    expect(linesIn("[", lines)).toEqual([2]);
    expect(linesIn("m", lines)).toEqual([2]);
  });

  test("does not reach from one line into the next", () => {
    expect(linesIn("ab", ["a", "b", "a\x1b[0m", "\x1b[0mb", "ab"])).toEqual([4]);
  });

  test("counts a line once, however often it holds the text", () => {
    expect(linesIn("ab", ["ab ab a\x1b[1mb", "", "a\x1b[1mb ab", "ab"])).toEqual([0, 2, 3]);
  });

  test("is compared in lower case when the case does not matter", () => {
    expect(linesIn("ok", ["\x1b[1KOK", "o\x1b[Kk", "K"], true)).toEqual([0, 1]);
  });

  test("gives up when very many lines would have to be looked at one by one", () => {
    expect(linesIn("ab", Array<string>(100).fill("a\x1b[1mb"))).toBeNull();
    expect(linesIn("zz", Array<string>(100).fill("a\x1b[1mb"))).toEqual([]);
  });
});

describe("search", () => {
  const PIECES = [
    ..."aAbB12m[; ",
    "\t",
    "\x1b[32m",
    "\x1b[0m",
    "\x1b[1;31m",
    "\x1b[K",
    "\x1b[1m\x1b[3m",
    "\x1b]8;;http://a\x07b",
    "\x1b(B",
    "\x07",
    "\x01",
    "é",
    "✓",
    "\u202e",
    "\r",
    "\x1b[2G",
    "\r\n",
    "\n",
    "\n",
  ];
  const NEEDLES = ["a", "ab", "ba1", "1m", "[1", "; ", "é", "✓a", "␁", "b2b", "AB", "a\tb"];

  test.each(Array.from({ length: 24 }, (_, seed) => seed))(
    "finds the lines that show the text, whatever is printed around it (%i)",
    (seed) => {
      const next = random(seed + 1);
      // The first half of the runs is only colours, where the shorter way is taken.
      const pieces = seed % 2 === 0 ? PIECES.slice(0, 16) : PIECES;
      const output = Array.from({ length: 3000 }, () =>
        next(8) === 0 ? "\n" : pieces[next(pieces.length)]!,
      ).join("");

      for (const needle of NEEDLES) {
        const [rows, expected] = found(output, needle, seed % 3 === 0);
        expect(rows, JSON.stringify(needle)).toEqual(expected);
      }
    },
  );

  test("both streams are searched", () => {
    const store = new LogStore();
    for (const name of STREAMS) store.append(name, utf8.encode(`x of ${name}\ny\n`), 1);
    const search = new Search(store, new Query("x of", { regex: false, matchCase: true }));
    while (!search.step(5));

    expect(search.counts).toEqual({ stdout: 1, stderr: 1 });
  });
});

describe("plain text", () => {
  const plain = (text: string) => new TextDecoder().decode(new Plain().of(utf8.encode(text)));

  test("is what is left without sequences; other controls become pictures", () => {
    expect(plain("\x1b[31ma\x1b[0m\tb\r\n\x1b]8;;x\x07c\x1b]8;;\x07\x01\n")).toBe("a\tb\nc␁\n");
  });

  test("a sequence that is never finished ends with its line", () => {
    expect(plain("a\x1b[31\nb\x1b]0;title\nc\x1b[")).toBe("a\nb\nc");
  });
});
