import { describe, expect, test } from "vitest";
import { Words } from "../../src/log/byte-search.ts";
import { Search } from "../../src/log/log-search.ts";
import { LogStore, STREAMS } from "../../src/log/output-store.ts";
import { Plain } from "../../src/log/plain.ts";
import { Query } from "../../src/log/query.ts";
import { end, give, random } from "./given.ts";

const utf8 = new TextEncoder();

/** Numbers of the lines that a search finds. */
function linesIn(needle: string, lines: readonly string[], matchCase = true): number[] {
  return found(lines.map((line) => `${line}\n`).join(""), needle, matchCase)[0];
}

/** The rows a search finds, and those whose shown text holds the needle. */
function found(output: string, text: string, matchCase: boolean): [number[], number[]] {
  const store = new LogStore();
  give(store, "stdout", output, 1);
  end(store, "stdout");
  const search = new Search(store, new Query(text, { regex: false, matchCase }));
  while (!search.step(5));
  const fold = (line: string) => (matchCase ? line : line.toLowerCase());
  const rows = Array.from({ length: store.rows }, (_, row) => row);
  const expected = rows.filter((row) => fold(store.line(row).text).includes(fold(text)));
  return [[...search.rows.between(0, store.rows)], expected];
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
    expect(linesIn("ok", ["\x1b[1KOK", "o\x1b[Kk", "K"], false)).toEqual([0, 1]);
  });

  test("is found where every character has a colour of its own", () => {
    const rainbow = (text: string) => [...text].map((one, n) => `\x1b[3${n % 8}m${one}`).join("");

    expect(linesIn("a word", [rainbow("not it"), rainbow("has a word"), "a word"])).toEqual([1, 2]);
  });

  test("of one letter, or as long as a line, is found too", () => {
    const long = "0123456789".repeat(40);

    expect(linesIn("x", ["x", "", "ax\x1b[m", "X"], false)).toEqual([0, 2, 3]);
    expect(linesIn(long, [long.slice(1), `a${long}b`, long, `${long.slice(0, -1)}x`])).toEqual([
      1, 2,
    ]);
  });

  test("an ASCII word is found in letters that are ASCII only in lower case", () => {
    expect(linesIn("kil", ["\u212ailo", "K\u0130lo", "KILO"], false)).toEqual([0, 2]);
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
    for (const name of STREAMS) give(store, name, `x of ${name}\ny\n`, 1);
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

describe("words among bytes", () => {
  test.each([false, true])(
    "are found where one of them begins, in order (lower case: %s)",
    (lower) => {
      const next = random(7);
      const letters = lower ? "abAB" : "abc";
      for (let round = 0; round < 300; round++) {
        const make = (length: number, from: string) =>
          Array.from({ length }, () => from[next(from.length)]).join("");
        const list = Array.from({ length: 1 + next(4) }, () =>
          make(1 + next(5), letters.slice(0, 2)),
        );
        const text = make(40, letters);
        const words = new Words(list, lower);
        const places: number[] = [];
        for (
          let at = words.find(utf8.encode(text));
          at < text.length;
          places.push(at), at = words.find(utf8.encode(text), at + 1)
        );
        const folded = lower ? text.toLowerCase() : text;
        const expected = [...text].flatMap((_, at) =>
          list.some((word) => folded.startsWith(word, at)) ? [at] : [],
        );

        expect(places, `${list} in ${text}`).toEqual(expected);
      }
    },
  );
});
