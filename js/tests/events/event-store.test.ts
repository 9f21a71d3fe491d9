import { describe, expect, test } from "vitest";
import { CHUNK, Dictionary } from "../../src/events/event-columns.ts";
import { event, indexOf, range, storeOf, words } from "./make.ts";

describe("store", () => {
  // What arrives twice (a batch and its recovery) must not be there twice.
  test("an event is taken once, whatever way it comes", () => {
    const store = storeOf([...range(1, 5), ...range(3, 8)]);

    expect(store.size).toBe(8);
    expect(store.add(event(4))).toBe(false);
  });

  test("an event comes back as it went in", () => {
    const sent = event(7, { event_type: "tool.call", source: "agent", origin: "AGENT_EVENT" });
    const store = storeOf([sent]);

    expect(store.get(7)).toMatchObject(sent);
  });

  test("absences are named newest first, across chunks, up to a limit", () => {
    const store = storeOf([...range(1, 3), ...range(6, 9), ...range(CHUNK + 5, CHUNK + 6)]);

    expect(store.absent(1, CHUNK + 6, 10)).toEqual([
      [10, CHUNK + 4],
      [4, 5],
    ]);
    expect(store.absent(1, CHUNK + 6, 1)).toEqual([[10, CHUNK + 4]]);
    expect(store.absent(1, 3, 10)).toEqual([]);
    expect(store.absent(0, CHUNK + 9, 10).at(0)).toEqual([CHUNK + 7, CHUNK + 9]);
  });

  test("the filled position before another one is found over a hole of many chunks", () => {
    const store = storeOf([event(2), event(5 * CHUNK)]);

    expect(store.previousFilled(5 * CHUNK)).toBe(2);
    expect(store.previousFilled(2)).toBe(-1);
  });

  test("filled positions are counted exactly inside and across chunks", () => {
    const store = storeOf([...range(10, CHUNK + 10), event(2 * CHUNK + 3)]);

    expect(store.filledIn(1, 3 * CHUNK)).toBe(CHUNK + 2);
    expect(store.filledIn(11, 20)).toBe(10);
    expect(store.filledIn(CHUNK + 11, 2 * CHUNK)).toBe(0);
  });

  test("a stream that begins anew stands after the old one, its sequences kept apart", () => {
    const store = storeOf(range(1, 3));
    store.beginEpoch("anew");
    store.add(event(1));
    const first = store.position(1);

    expect(store.size).toBe(4);
    expect(store.sequence(first)).toBe(1);
    expect(store.isOld(3)).toBe(true);
    expect(store.isOld(first)).toBe(false);
    expect(store.previousFilled(first)).toBe(-1);
  });

  test("eviction lets the oldest chunks go and says how many events that were", () => {
    const store = storeOf(range(1, 3 * CHUNK));
    const gone = store.evict(store.chars / 2);

    expect(gone).toBe(2 * CHUNK - 1);
    expect(store.evicted).toBe(gone);
    expect(store.has(5)).toBe(false);
    expect(store.has(3 * CHUNK)).toBe(true);
    expect(store.types.counts[store.types.find("note")]).toBe(CHUNK + 1);
  });

  // Names come from the events: `__proto__` must be a name like any other.
  test("a dictionary takes any name, and past 65,535 names lumps the rest together", () => {
    const dictionary = new Dictionary();

    expect(dictionary.code("__proto__")).toBe(1);
    expect(dictionary.code("constructor")).toBe(2);
    for (let i = 0; i < 70_000; i++) dictionary.code(`n${i}`);
    expect(dictionary.code("one more")).toBe(65535);
    expect(dictionary.names[65535]).toBe("(other)");
  });
});

test("what an event is about is kept, counted and filtered by", () => {
  const store = storeOf([]);
  store.add(event(1), "tool");
  store.add(event(2), "thought");
  store.add(event(3));
  const shown = (text: string) => words(indexOf(store, { text }), store);

  expect(store.get(1)?.kind).toBe("tool");
  expect(store.kinds.counts[store.kinds.find("thought")]).toBe(1);
  expect(shown("kind:tool,thought")).toEqual(["1", "2"]);
  expect(shown("-kind:t*")).toEqual(["3"]);
});
