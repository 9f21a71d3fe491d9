import { describe, expect, test } from "vitest";
import { CHUNK } from "../../src/events/event-columns.ts";
import { Store } from "../../src/events/event-store.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";
import { Search } from "../../src/viewer/event-search.ts";
import { csv } from "../../src/viewer/export.ts";
import type { Rows } from "../../src/viewer/rows.ts";
import { event, indexOf, piece } from "../events/make.ts";

const ALL = Number.POSITIVE_INFINITY;

/** A store of several axons; each is given as the times of its events, from sequence 1 on. */
function merged(...axons: number[][]): Store {
  const store = new Store();
  store.beginEpoch("");
  for (const [place, times] of axons.entries())
    for (const [i, time] of times.entries()) put(store, place, i + 1, time);
  return store;
}

function put(
  store: Store,
  place: number,
  sequence: number,
  time: number,
  changes: Partial<EventRecord> = {},
): void {
  const lane = store.lane(place);
  store.nameAxon(lane, `axn_${place}`, `run ${place}`);
  store.add(
    event(sequence, { timestamp_ms: time, axon_id: `axn_${place}`, ...changes }),
    "other",
    lane,
  );
}

/** Rows as words: `0:5` is event 5 of the axon at place 0. */
function words(rows: Rows, store: Store): string[] {
  return Array.from({ length: rows.length }, (_, i) => {
    const row = rows.row(i)!;
    const name = `${store.laneAt(row.position)!.place}:${store.sequence(row.position)}`;
    if (row.divider) return `|${-row.divider} ${name}`;
    return row.count > 1 ? `${name}-${store.sequence(row.last)}` : name;
  });
}

describe("rows of several axons", () => {
  test("stand in the order of time, then axon, then sequence", () => {
    const store = merged([10, 30, 30], [20, 30], [5]);

    expect(words(indexOf(store), store)).toEqual(["2:1", "0:1", "1:1", "0:2", "0:3", "1:2"]);
  });

  test("a late event stands in its place, and what is known by position stays known", () => {
    const store = merged([10, 20, 30, 40], [35]);
    const rows = indexOf(store);
    const anchor = store.position(4, 0);
    expect(rows.indexOf(anchor)).toBe(4);
    put(store, 2, 1, 15);
    rows.update(ALL);

    expect(words(rows, store)).toEqual(["0:1", "2:1", "0:2", "0:3", "1:1", "0:4"]);
    expect(rows.indexOf(anchor)).toBe(5);
  });

  test("an axon keeps its own order, whatever its clock said", () => {
    const store = merged([10, 90, 20, 95], [50, 92]);

    expect(words(indexOf(store), store)).toEqual(["0:1", "1:1", "0:2", "0:3", "1:2", "0:4"]);
  });

  test("any times do: far apart, negative, of no calendar", () => {
    const store = merged([-5, 0, 4e12, 1e300], [-1e300, 3e12, Number.NaN]);
    const rows = indexOf(store);

    expect(words(rows, store)).toHaveLength(7);
    expect(new Set(words(rows, store)).size).toBe(7);
  });

  test("a run of pieces is one row, also where other axons speak between them", () => {
    const store = merged([], [15, 25]);
    for (const n of [1, 2, 3]) put(store, 0, n, n * 10, { ...piece(n, "x"), timestamp_ms: n * 10 });

    expect(words(indexOf(store), store)).toEqual(["0:1-3", "1:1", "1:2"]);
  });

  test("each axon has its own holes, and a quiet one no divider among the others", () => {
    const store = merged([1000, 9000], [2000, 3000]);
    put(store, 1, 5, 4000);
    const rows = indexOf(store);

    expect(words(rows, store)).toEqual(["0:1", "1:1", "1:2", "|2 1:5", "1:5", "0:2"]);
  });

  test("ranks and positions agree over many chunks and axons", () => {
    const store = new Store();
    store.beginEpoch("");
    const random = seeded(7);
    const times = [0, 0, 0, 0, 0];
    for (let n = 0; n < 3 * CHUNK; n++) {
      const place = Math.floor(random() * 5);
      times[place]! += Math.floor(random() * 4);
      put(store, place, (store.lane(place).newest % 2 ** 40 || 0) + 1, times[place]!);
    }
    for (const lane of store.lanes) expect(lane.size).toBeGreaterThan(0);
    const rows = indexOf(store, { fold: false });
    const inOrder = [...rows.inOrder()];

    expect(inOrder).toHaveLength(3 * CHUNK);
    expect(inOrder).toEqual([...inOrder].sort(store.byTime));
    for (let rank = 0; rank < rows.length; rank += 997) {
      expect(rows.row(rank)!.position).toBe(inOrder[rank]);
      expect(rows.indexOf(inOrder[rank]!)).toBe(rank);
    }
  });

  test("a pause keeps what each axon had, and shows none that comes later", () => {
    const store = merged([10, 20], [15]);
    const rows = indexOf(store);
    rows.setLimit(store.newest);
    put(store, 0, 3, 30);
    put(store, 1, 2, 12);
    put(store, 2, 1, 11);
    rows.update(ALL);

    expect(words(rows, store)).toEqual(["0:1", "1:1", "0:2"]);
    expect(rows.beyondLimit).toBe(3);
    rows.setLimit(ALL);
    rows.update(ALL);
    expect(words(rows, store)).toEqual(["0:1", "2:1", "1:1", "1:2", "0:2", "0:3"]);
  });

  test("a selection from row to row is a range per axon", () => {
    const store = merged([10, 20, 30], [15, 25, 35]);
    const rows = indexOf(store);

    expect(rows.between(1, 4)).toEqual([
      [store.position(2, 0), store.position(3, 0)],
      [store.position(1, 1), store.position(2, 1)],
    ]);
  });

  test("a search steps in the order of the rows", () => {
    const store = merged([10, 40], [20, 30]);
    const rows = indexOf(store);
    const search = new Search(store);
    search.set({ text: "note", regex: false, matchCase: false });
    search.update(rows, 1, ALL);

    expect(search.found.map((position) => rows.indexOf(position))).toEqual([0, 1, 2, 3]);
    expect(search.found[search.step(store.position(1, 0), 1)]).toBe(store.position(1, 1));
    expect(search.has(store.position(1, 0), store.position(2, 0))).toBe(true);
  });

  test("a filter by axon takes name or id", () => {
    const store = merged([10], [20], [30]);

    expect(words(indexOf(store, { text: 'axon:"run 1,axn_2"' }), store)).toEqual(["1:1", "2:1"]);
    expect(words(indexOf(store, { text: "-axon:RUN*" }), store)).toEqual([]);
    expect(store.axonTerm(store.lane(1).axon)).toBe("run 1");
  });

  test("what is new is counted per axon", () => {
    const store = merged([10, 20], [15]);
    const rows = indexOf(store);
    const seen = rows.newest();
    put(store, 1, 2, 17);
    put(store, 0, 3, 30);
    rows.update(ALL);

    expect(rows.unseen(new Map(seen), -1)).toBe(2);
    expect(rows.unseen(seen, 2)).toBe(1); // 1:2 stands above the row and counts as seen
  });

  test("streams that begin anew stand behind the old ones, with one divider", () => {
    const store = merged([10, 20], [15]);
    store.beginEpoch("anew");
    put(store, 0, 1, 10);
    put(store, 1, 1, 15);
    const rows = indexOf(store);

    expect(words(rows, store)).toEqual(["0:1", "1:1", "0:2", "|4 0:1", "0:1", "1:1"]);
    expect(rows.indexOf(store.position(1, 1))).toBe(5);
  });

  test("of several axons a CSV file says which, with a name that is no formula", () => {
    const store = merged([10], [20]);
    store.nameAxon(store.lane(1), "axn_1", "=1+1");
    const text = [...csv(store, indexOf(store).inOrder())].join("");

    expect(text.split("\r\n")[0]).toMatch(/^axon,axon_name,sequence/);
    expect(text).toContain("axn_1,'=1+1,1,");
  });

  test("over budget, the axon that holds most lets its oldest chunk go", () => {
    const store = new Store();
    store.beginEpoch("");
    for (let n = 1; n <= 2 * CHUNK; n++) put(store, 0, n, n);
    for (let n = 1; n <= 10; n++) put(store, 1, n, n);
    store.evict(store.chars * 0.7);

    expect(store.has(store.position(1, 0))).toBe(false);
    expect(store.has(store.position(1, 1))).toBe(true);
    expect(store.lane(0).floor).toBe(CHUNK);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
