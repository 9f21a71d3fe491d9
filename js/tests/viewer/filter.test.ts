import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { EventRecord } from "../../src/protocol.ts";
import { compileFilter, FilterError, split } from "../../src/viewer/filter.ts";
import { highlighter } from "../../src/viewer/search.ts";
import { facetState, setFacet, withTerm } from "../../src/viewer/terms.ts";
import { storeOf } from "../events/make.ts";

interface Cases {
  tz_offset_min: number;
  events: EventRecord[];
  filters: { filter: string; shows: number[] }[];
  errors: string[];
}

const path = new URL("../../../tests/widgets/filter_cases.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as Cases;
const store = storeOf(cases.events);

function shown(filter: string): number[] {
  const { test: passes } = compileFilter(filter, store, cases.tz_offset_min);
  const chunk = store.chunks.get(0)!;
  return cases.events.map((event) => event.sequence).filter((sequence) => passes(chunk, sequence));
}

describe("filter", () => {
  // The cases are shared with the kernel's filter: both must show the same events.
  test.each(cases.filters)("$filter", ({ filter, shows }) => {
    expect(shown(filter)).toEqual(shows);
  });

  test.each(cases.errors)("%s is refused with a reason", (filter) => {
    expect(() => compileFilter(filter, store, 0)).toThrow(FilterError);
  });

  test("words, quotes and patterns are split where a reader would", () => {
    expect(split('type:a "two words" -x /a b/i k="v w"')).toEqual([
      "type:a",
      '"two words"',
      "-x",
      "/a b/i",
      'k="v w"',
    ]);
  });
});

describe("marking what was found", () => {
  const options = { text: "a.b", regex: false, matchCase: false };

  test("text is taken literally, a pattern as a pattern", () => {
    expect("xA.Bx".match(highlighter(options)!)).toEqual(["A.B"]);
    expect("a-b".match(highlighter(options)!)).toBeNull();
    expect("a-b".match(highlighter({ ...options, regex: true })!)).toEqual(["a-b"]);
  });

  // Marking runs on every drawn row and cannot be stopped half way.
  test("a pattern that could be slow on a row marks nothing", () => {
    expect(highlighter({ ...options, regex: true, text: ".*.*.*x" })).toBeNull();
  });
});

describe("editing a filter from buttons", () => {
  test("a facet is asked for, joined by a second, left out, and dropped again", () => {
    const one = setFacet("word", "type", "tool.call", "only");
    const two = setFacet(one, "type", "tool.result", "only");

    expect(two).toBe("word type:tool.call,tool.result");
    expect(setFacet(two, "type", "tool.call", "not")).toBe("word type:tool.result -type:tool.call");
    expect(setFacet(one, "type", "tool.call", "any")).toBe("word");
    expect([...facetState(two, "type").only]).toEqual(["tool.call", "tool.result"]);
  });

  test("a name with spaces survives", () => {
    const text = setFacet("", "source", 'my "own" source', "only");

    expect([...facetState(text, "source").only]).toEqual(['my "own" source']);
  });

  test("a term is added once", () => {
    expect(withTerm(withTerm("a", "b=1"), "b=1")).toBe("a b=1");
  });
});
