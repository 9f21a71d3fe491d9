// Whatever the time bar does: what is shown is what the events up to there alone would show.

import { describe, expect, test } from "vitest";
import type { Store } from "../../src/events/event-store.ts";
import { Histogram } from "../../src/events/histogram.ts";
import { type Counted, Tally } from "../../src/events/tally.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";
import type { Rows } from "../../src/viewer/rows.ts";
import { event, indexOf, piece, storeOf, tool, words } from "../events/make.ts";

const ALL = Number.POSITIVE_INFINITY;

/** A generator with a fixed beginning: what fails once fails again. */
function randoms(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** Runs of text, calls that open and close, holes, quiet times; over a chunk's end. */
function randomRun(below: (most: number) => number): EventRecord[] {
  const events: EventRecord[] = [];
  let [sequence, time] = [16_384 - 200, 0];
  while (events.length < 400) {
    sequence += below(12) === 0 ? 1 + below(4) : 1;
    time += below(20) === 0 ? 6000 : below(50);
    const made = [
      () => piece(sequence, `w${below(9)} `),
      () => piece(sequence, "hm ", "agent_thought_chunk"),
      () => tool(sequence, `t${below(30)}`, "pending", "call"),
      () => tool(sequence, `t${below(30)}`, "completed"),
      () =>
        event(sequence, { event_type: below(2) ? "tool.error" : "note", source: `s${below(3)}` }),
    ];
    // Pieces mostly follow pieces.
    const which = below(3) ? 0 : below(made.length);
    events.push({ ...made[which]!(), timestamp_ms: 1_700_000_000_000 + time });
  }
  return events;
}

/** All that rows show, pairs included. */
function shown(index: Rows, store: Store, newest: number): unknown {
  const rows = Array.from({ length: index.length }, (_, i) => index.row(i)!);
  return {
    words: words(index, store),
    rows,
    hits: index.hits,
    positions: [...index.inOrder()],
    counted: [...index.positions(16_300, 16_500)].length,
    places: rows.map((row) => index.indexOf(row.last)),
    pairs: rows.map((row) => store.pairAt(row.position, newest)?.close ?? null),
  };
}

function counts({ names, counts: of }: Counted): object {
  return Object.fromEntries(names.flatMap((name, at) => (of[at] ? [[name, of[at]]] : [])));
}

describe.each([
  ["everything", {}],
  ["a filter", { text: "-thought" }],
  ["without folding", { fold: false }],
  ["a brush", { time: [1_700_000_001_000, 1_700_000_030_000] as const }],
])("as of any event, with %s", (_, options) => {
  test("rows and counts are those of the events before it", () => {
    const below = randoms(7);
    const events = randomRun(below);
    const unfolded = new Set(events.filter(() => below(6) === 0).map(({ sequence }) => sequence));
    const store = storeOf(events);
    const index = indexOf(store, { ...options, unfolded });
    for (let n = 0; n < 125; n++) {
      const at = below(events.length);
      const moment = events[at]!.sequence + below(2);
      const before = events.filter(({ sequence }) => sequence <= moment);
      const prefix = storeOf(before);
      index.setLimit(moment);
      expect(shown(index, store, moment)).toEqual(
        shown(indexOf(prefix, { ...options, unfolded }), prefix, ALL),
      );
      const tally = new Tally(store, moment, 250);
      const histogram = new Histogram();
      for (const { timestamp_ms, event_type } of before)
        histogram.add(timestamp_ms, prefix.looks[prefix.types.find(event_type)]!.hue);
      expect(tally.size).toBe(prefix.size);
      expect(tally.errors).toBe(prefix.errors);
      for (const key of ["types", "sources", "origins", "kinds"] as const)
        expect(counts(tally[key])).toEqual(counts(prefix[key]));
      expect(tally.histogram.extent).toEqual(histogram.extent);
      expect(tally.histogram.bars(...histogram.extent!, 40)).toEqual(
        histogram.bars(...histogram.extent!, 40),
      );
    }
    index.setLimit(ALL);
    expect(shown(index, store, ALL)).toEqual(
      shown(indexOf(store, { ...options, unfolded }), store, ALL),
    );
  });
});

test("events that come while a moment is shown are there afterwards", () => {
  const store = storeOf([event(1), piece(2, "a"), piece(3, "b")]);
  const index = indexOf(store);
  index.setLimit(2);
  expect(words(index, store)).toEqual(["1", "2"]);
  for (const more of [piece(4, "c"), event(5)]) store.add(more);
  index.update(ALL);
  expect(words(index, store)).toEqual(["1", "2"]);
  index.setLimit(ALL);
  expect(words(index, store)).toEqual(["1", "2-4", "5"]);
});
