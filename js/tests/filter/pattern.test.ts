import { describe, expect, test } from "vitest";
import { pattern } from "../../src/filter/pattern.ts";

describe("patterns", () => {
  // A backtracking engine would take from minutes to centuries for each of these.
  test.each([
    ".*.*.*.*x$",
    "(a+)+x",
    "(a|a)*x",
    "(a|ab)*(a|ab)*x",
    "a*a*a*a*a*a*a*a*x",
    "(a?b?)*x",
  ])("on hostile text %s answers like on any other", (source) => {
    const { finder } = pattern(source, "");

    expect(finder.test(`${"a".repeat(100_000)}${source.endsWith("$") ? "xy" : ""}`)).toBe(false);
    expect(finder.test(`${"a".repeat(100_000)}x`)).toBe(true);
  });

  test("all of a long text is looked at", () => {
    const fill = "a".repeat(300_000);

    expect(pattern("b.*c$", "").finder.test(`${fill}b${fill}c`)).toBe(true);
  });

  test.each(["(a{100}){100}", "((){9999}){9999}", "((a{0,99}){0,99}){0,99}"])(
    "%s, which would grow without end, is refused",
    (source) => {
      expect(() => pattern(source, "")).toThrow(/2,000 steps when its repetitions are written out/);
    },
  );

  test.each([
    "(?P<n>a)",
    "(?i)a",
    "\\Aa",
    "[^]a",
    "a*+",
    "(?=a)",
    "\\1",
    "(",
    "a)",
    "[a",
    "a{3,1}",
  ])("%s is refused with a reason", (source) => {
    expect(() => pattern(source, "")).toThrow(/./);
  });

  test("what is found is marked from its first character to the last that fits", () => {
    expect(pattern("a+|b", "i").places("xAab, 😀a", 9)).toEqual([
      [1, 3],
      [3, 4],
      [8, 9],
    ]);
    expect(pattern("\\bb", "").places("b ab b", 9)).toEqual([
      [0, 1],
      [5, 6],
    ]);
    expect(pattern("x*", "").places("axxa", 9)).toEqual([[1, 3]]);
    expect(pattern("a", "").places("aaaa", 2)).toHaveLength(2);
  });
});
