import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compileFilter, FilterError, split } from "../../src/filter/filter.ts";
import { facetState, setFacet, withTerm } from "../../src/filter/terms.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";
import { highlighter } from "../../src/viewer/event-search.ts";
import { event, storeOf } from "../events/make.ts";

interface Cases {
  tz_offset_min: number;
  events: EventRecord[];
  filters: { filter: string; shows: number[] }[];
  errors: string[];
}

const path = new URL("../../../tests/filtering/filter_cases.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as Cases;
const store = storeOf(cases.events);

function shown(filter: string): number[] {
  const { sieve } = compileFilter(filter, store, cases.tz_offset_min);
  const slots = Uint16Array.from(cases.events, (event) => event.sequence).sort();
  const count = sieve(store.chunks.get(0)!, slots, slots.length);
  return [...slots.subarray(0, count)];
}

describe("filter", () => {
  // The cases are shared with the kernel's filter: both must show the same events.
  test.each(cases.filters)("$filter", ({ filter, shows }) => {
    expect(shown(filter)).toEqual(shows);
  });

  // What is known of a name is kept: a name that comes later must be asked for, too.
  test("a type that is first seen after the filter was made is told by its name", () => {
    const growing = storeOf([event(1, { event_type: "a" })]);
    const { sieve } = compileFilter("-type:b zeta", growing, 0);
    const left = (...slots: number[]) => {
      const few = Uint16Array.from(slots);
      return [...few.subarray(0, sieve(growing.chunks.get(0)!, few, few.length))];
    };

    expect(left(1)).toEqual([]);
    growing.add(event(2, { event_type: "zeta" }));
    growing.add(event(3, { event_type: "b", source: "zeta" }));
    growing.add(event(4, { event_type: "a", source: "Zeta" }));
    expect(left(1, 2, 3, 4)).toEqual([2, 4]);
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
    expect(highlighter(options)!.places("xA.Bx", 9)).toEqual([[1, 4]]);
    expect(highlighter(options)!.places("a-b", 9)).toEqual([]);
    expect(highlighter({ ...options, regex: true })!.places("a-b", 9)).toEqual([[0, 3]]);
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
