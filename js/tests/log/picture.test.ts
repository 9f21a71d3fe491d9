import { describe, expect, test } from "vitest";
import { parseLine, RGB } from "../../src/log/ansi.ts";
import { contrast, indexed, Paints, parseColour, readable } from "../../src/log/colour.ts";
import { columnOf, indexOf, pieces, wordAt } from "../../src/log/pieces.ts";
import { END, Selection } from "../../src/log/text-selection.ts";
import { bytesWidth, charWidth } from "../../src/log/width.ts";

const utf8 = new TextEncoder();
const spans = (text: string) => parseLine(utf8.encode(text)).spans;
const cut = (text: string, from: number, to: number) =>
  pieces(spans(text), from, to, []).map((piece) => piece.text);

describe("colours", () => {
  const themes = [
    ["light", new Paints(false, 0x1d2129, 0xffffff), 0xffffff],
    ["dark", new Paints(true, 0xe4e6ea, 0x17191d), 0x17191d],
  ] as const;

  test.each(themes)("every colour can be read on the %s theme", (_name, paints, back) => {
    for (let index = 0; index < 256; index++) {
      const { color } = paints.of(index + 1, 0);

      expect(contrast(Number.parseInt(color.slice(1), 16), back)).toBeGreaterThanOrEqual(4.5);
    }
  });

  test.each(themes)("text on every background colour can be read, %s", (_name, paints) => {
    for (let index = 0; index < 256; index++) {
      const { color, background } = paints.of(0, index + 1);
      const [ink, paper] = [color, background].map((one) => Number.parseInt(one.slice(1), 16));

      expect(contrast(ink!, paper!)).toBeGreaterThanOrEqual(4.5);
    }
  });

  test("a colour that can be read stays what it is", () => {
    expect(readable(0xff8800, 0x000000)).toBe(0xff8800);
    expect(new Paints(true, 0xffffff, 0).of(RGB | 0x12cc34, 0).color).toBe("#12cc34");
  });

  test("the 256 colours are a cube and greys", () => {
    expect([16, 21, 196, 231, 232, 255].map((index) => indexed(index).toString(16))).toEqual([
      "0",
      "ff",
      "ff0000",
      "ffffff",
      "80808",
      "eeeeee",
    ]);
  });

  test("colours of the page are read in the forms browsers give", () => {
    expect(parseColour("rgb(255, 0, 16)", 1)).toBe(0xff0010);
    expect(parseColour("color(srgb 1 0 0.5)", 1)).toBe(0xff0080);
    expect(parseColour("oklch(0.5 0 0)", 7)).toBe(7);
  });
});

describe("pieces of a line", () => {
  test("columns are cut through styles", () => {
    expect(cut("ab\x1b[31mcd\x1b[0mef", 1, 5)).toEqual(["b", "cd", "e"]);
    expect(cut("abc", 3, 9)).toEqual([]);
  });

  test("tabs become the blanks up to their stop", () => {
    expect(cut("a\tb", 0, 10)).toEqual(["a       b"]);
    expect(cut("a\tb", 5, 10)).toEqual(["   b"]);
  });

  test("wide characters stand alone, and half of one is a blank", () => {
    expect(cut("a日b", 0, 9)).toEqual(["a", "日", "b"]);
    expect(cut("a日b", 2, 9)).toEqual([" b"]);
    expect(pieces(spans("日"), 0, 9, [])[0]).toMatchObject({ wide: true, columns: 2 });
  });

  test("what combines stays with its character", () => {
    expect(cut("e\u0301x", 0, 9)).toEqual(["e\u0301x"]);
    expect(cut("日\u0301x", 0, 9)).toEqual(["日\u0301", "x"]);
  });

  test("found places are told apart, also across styles", () => {
    const found = pieces(spans("ab\x1b[1mcd"), 0, 9, [[1, 3]]);

    expect(found.map(({ text, place }) => [text, place])).toEqual([
      ["a", -1],
      ["b", 0],
      ["c", 0],
      ["d", -1],
    ]);
  });

  test("columns and positions in the text lead to each other", () => {
    const text = "a\t日x";

    expect([0, 1, 2, 3, 4].map((index) => columnOf(text, index))).toEqual([0, 1, 8, 10, 11]);
    expect([0, 1, 7, 8, 9, 10, 99].map((column) => indexOf(text, column))).toEqual([
      0, 1, 1, 2, 2, 3, 4,
    ]);
  });

  test("a word is a path, a name, or what stands between", () => {
    expect(wordAt("see /a/b.py:3, ok", 6)).toEqual([4, 13]);
    expect(wordAt("a   b", 2)).toEqual([1, 4]);
    expect(wordAt("", 0)).toEqual([0, 0]);
  });

  test("widths agree whichever way they are counted", () => {
    for (const text of [
      "abc",
      "日本",
      "é",
      "e\u0301",
      "█▌━",
      "🚀",
      "👩\u200d💻",
      "a\u202eb",
      "ﬁ",
    ]) {
      const shown = parseLine(utf8.encode(text)).text;
      const total = Array.from(shown).reduce((sum, one) => sum + charWidth(one.codePointAt(0)!), 0);

      expect(bytesWidth(utf8.encode(text)), text).toBe(total);
    }
  });
});

describe("the selection", () => {
  test("goes both ways and takes whole lines between its ends", () => {
    const selection = new Selection();
    selection.start({ index: 5, column: 3 });
    selection.extend({ index: 2, column: 7 });

    expect([1, 2, 3, 5, 6].map((index) => selection.columns(index))).toEqual([
      null,
      [7, END],
      [0, END],
      [0, 3],
      null,
    ]);
  });

  test("a point is not a selection", () => {
    const selection = new Selection();
    selection.start({ index: 1, column: 1 });

    expect(selection.empty).toBe(true);
    expect(selection.columns(1)).toBeNull();
  });
});
