import { describe, expect, test } from "vitest";
import { pattern, shapeOf } from "../../src/filter/pattern.ts";

describe("patterns", () => {
  const endless = [
    "(a+)+",
    "(a*b?)*",
    "((x|y+)z)*",
    "(a{2,})+",
    "(?:\\w+\\s?)*$",
    "(a|a)*b",
    "(\\w|-)+",
    "(a+){10}",
    "(a?b?)*",
    "a*b*c*d*e*f*g*",
    "a?a?a?a?a?a?a?a?a?",
    "(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)",
  ];

  test.each(endless)("%s could run for ever and is refused", (source) => {
    expect(() => pattern(source, "")).toThrow(/for ever/);
  });

  test.each([
    "a+b*",
    "(ab)+",
    "[+*(]+",
    "\\(a+\\)+",
    "(a|b)*",
    "(a+)?",
    "(?<year>\\d{4})+",
    "retry \\d+",
  ])("%s is taken", (source) => {
    expect(shapeOf(source).nested).toBe(false);
    expect(() => pattern(source, "")).not.toThrow();
  });

  // Three open repetitions cost the fourth power of the length; whole, each of these would take
  // from minutes to centuries.
  test.each([
    ".*x$",
    ".*.*x$",
    ".*.*.*x$",
    "a*a*a*a*x",
    ".{0,900}.{0,900}.{0,900}x",
    "a*a*a*a*a*a*x",
  ])("on hostile text %s gives up instead of blocking the page", (source) => {
    const slow = pattern(source, "");
    for (let row = 0; row < 20; row++) expect(slow.test("a".repeat(100_000))).toBe(false);

    expect(slow.test(`${"a".repeat(8)}x`)).toBe(true);
  });

  test.each(["(?P<n>a)", "(?i)a", "\\Aa", "[^]a", "a{,3}", "a*+"])(
    "%s, which Python and JavaScript read differently, is refused",
    (source) => {
      expect(shapeOf(source).foreign).not.toBe("");
      expect(() => pattern(source, "")).toThrow();
    },
  );

  test("on ordinary text a pattern sees all of it, also past the first prefix", () => {
    const { test: passes } = pattern("begin.*middle.*end$", "");

    expect(passes(`begin ${"word ".repeat(300)}middle ${"word ".repeat(300)}end`)).toBe(true);
    expect(passes(`begin ${"word ".repeat(300)}middle end of nothing`)).toBe(false);
  });
});
