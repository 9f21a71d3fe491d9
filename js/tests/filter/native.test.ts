import { describe, expect, test } from "vitest";
import { Automaton } from "../../src/filter/automaton.ts";
import { native } from "../../src/filter/native.ts";
import { Parser } from "../../src/filter/pattern-syntax.ts";

function both(source: string, flags = "") {
  const node = new Parser(source, flags).parse();
  const slow = new Automaton(node, flags, false);
  return { quick: native(node, flags, (set, code) => slow.matches(set, code), slow), slow };
}

const PIECES = [
  "a",
  "b",
  "é",
  "😀",
  "\ud83d",
  "\ude00",
  '"',
  ":",
  " ",
  "1",
  "7",
  "\n",
  "\r",
  "_",
  "K",
];
const ATOMS = [
  "a",
  "b",
  "A",
  "é",
  "É",
  '"',
  ":",
  "1",
  "\\d",
  "\\w",
  "\\W",
  "\\s",
  "\\S",
  ".",
  '[^"]',
  "[a-é]",
  "(?:a|b)",
  "(ab|1)",
  "(a|)",
  "\\b",
  "\\B",
  "^",
  "$",
  "\\u{1F600}",
  "[^\\W_]",
  "\\D",
  "k",
];
const REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0}", "{2,}"];

describe("what the browser's own engine answers", () => {
  test("is what the automaton answers", () => {
    let seed = 13;
    const pick = <T>(list: readonly T[]) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return list[Math.floor((seed / 2147483648) * list.length)]!;
    };
    const different: unknown[] = [];
    let quicks = 0;
    for (let n = 0; n < 2000; n++) {
      const count = pick([1, 2, 3, 4, 5]);
      const source = Array.from({ length: count }, () => {
        const atom = pick(ATOMS);
        return /^(\^|\$|\\b|\\B)$/.test(atom) ? atom : atom + pick(REPEATS);
      }).join("");
      const flags = pick(["", "", "i", "s", "m", "im"]);
      const { quick, slow } = both(source, flags);
      if (!quick) continue;
      quicks++;
      for (let m = 0; m < 12; m++) {
        const text = Array.from({ length: pick([0, 1, 2, 3, 5, 8]) }, () => pick(PIECES)).join("");
        if (quick.test(text) !== slow.test(text))
          different.push([source, flags, text, slow.test(text)]);
      }
    }

    expect(different.slice(0, 5)).toEqual([]);
    expect(quicks).toBeGreaterThan(600);
  });

  test.each([
    ["\\B", "_😀a"],
    ["\\w.*(a|){1,2}\\w", "7"],
    ['"[^"]{2,}"', '"😀"'],
    [":[^a]*😀", ":\ude00😀"],
  ])("%s means the same for the parts of %s", (source, text) => {
    const { quick, slow } = both(source);

    expect((quick ?? slow).test(text)).toBe(slow.test(text));
  });

  test.each([
    "plain text",
    '"status":\\s*5\\d\\d',
    "error.*timeout",
    "\\d+ ms",
    "in \\d{1,3} ms",
    'path":"[^"]*777',
    "(build|deploy) finished",
    "(GET|POST) .* 5\\d\\d",
    "things/\\d+\\b.*dog",
    "\\d{1,3}(\\.\\d{1,3}){3}",
  ])("includes the usual pattern %s", (source) => {
    expect(both(source).quick).not.toBeNull();
    expect(both(source, "i").quick).not.toBeNull();
  });

  test.each(["(a+)+x", "a[^b]*x", "b(a|ab)*x", "x\\d*1*y", "(a|b){9}c", "a\\w*x"])(
    "excludes %s, which would take long on some texts",
    (source) => {
      expect(both(source).quick).toBeNull();
    },
  );
});
