import { describe, expect, test } from "vitest";
import { ExactNumber, parseJson, writeJson } from "../../src/base/json.ts";
import { visible, visibleLine } from "../../src/base/visible.ts";

describe("hidden characters", () => {
  test.each([
    ["a\u202eb", "a⟨U+202E⟩b"],
    ["zero\u200bwidth", "zero⟨U+200B⟩width"],
    ["nul\u0000", "nul␀"],
    ["esc\u001b[31m", "esc␛[31m"],
    ["\ufeffbom", "⟨U+FEFF⟩bom"],
    ["tag\u{e0041}", "tag⟨U+E0041⟩"],
    ["\u2066iso\u2069", "⟨U+2066⟩iso⟨U+2069⟩"],
    ["del\u007f", "del␡"],
  ])("%j is shown as %s", (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test.each(["plain", "größe 日本語 العربية", "👩‍💻 and ❤️", "tab\tand\nbreak", "e\u0301"])(
    "%j stays",
    (text) => {
      expect(visible(text)).toBe(text);
    },
  );

  test("on one line, breaks are marked and tabs are spaces", () => {
    expect(visibleLine("a\r\n\tb\tc")).toBe("a ⏎ b c");
  });
});

describe("JSON with exact numbers", () => {
  test("digits that a float cannot hold come through unchanged", () => {
    const text =
      '{"a":9007199254740993,"b":-12345678901234567890,"c":1e400,"d":0.1,"e":"9007199254740993","f":42}';

    expect(writeJson(parseJson(text)!)).toBe(text);
    expect((parseJson(text) as { a: ExactNumber }).a).toBeInstanceOf(ExactNumber);
  });

  test("names are data, also __proto__", () => {
    const value = parseJson('{"__proto__":{"x":1},"constructor":2}') as object;

    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test("what is not JSON is undefined", () => {
    expect(parseJson("{")).toBeUndefined();
    expect(parseJson("12345678901234567x")).toBeUndefined();
  });
});
