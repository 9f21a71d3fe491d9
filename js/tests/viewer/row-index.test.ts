import { describe, expect, test } from "vitest";
import { CHUNK } from "../../src/events/event-columns.ts";
import { event, indexOf, piece, range, storeOf, words } from "../events/make.ts";

const ALL = Number.POSITIVE_INFINITY;

describe("folding", () => {
  test("consecutive pieces of one text are one row, others are not", () => {
    const store = storeOf([
      piece(1, "I "),
      piece(2, "look"),
      event(3),
      piece(4, "on"),
      piece(5, "hm", "agent_thought_chunk"),
      piece(6, "m", "agent_thought_chunk"),
    ]);

    expect(words(indexOf(store), store)).toEqual(["1-2", "3", "4", "5-6"]);
  });

  test("pieces of two sessions or two sources do not run together", () => {
    const store = storeOf([
      piece(1, "a"),
      piece(2, "b", "agent_message_chunk", "other"),
      { ...piece(3, "c"), source: "else" },
      { ...piece(4, "d"), source: "else" },
    ]);

    expect(words(indexOf(store), store)).toEqual(["1", "2", "3-4"]);
  });

  test("a filter that leaves out what stood between joins the pieces", () => {
    const store = storeOf([piece(1, "a"), event(2), piece(3, "b")]);

    expect(words(indexOf(store, { text: "type:session/update" }), store)).toEqual(["1-3"]);
  });

  test("a run grows in place as its pieces arrive", () => {
    const store = storeOf([event(1), piece(2, "a")]);
    const index = indexOf(store);
    for (let i = 3; i < 50; i++) {
      store.add(piece(i, "x"));
      index.update(ALL);
    }

    expect(words(index, store)).toEqual(["1", "2-49"]);
    expect(index.hits).toBe(49);
  });

  test("an unfolded run shows its head and every piece, and goes on growing", () => {
    const store = storeOf([piece(1, "a"), piece(2, "b"), event(3)]);
    const unfolded = new Set([1]);
    const index = indexOf(store, { unfolded });

    expect(words(index, store)).toEqual(["1-2", "1'", "2'", "3"]);
    expect(index.indexOf(2)).toBe(2);
    expect(index.indexOf(3)).toBe(3);
    unfolded.clear();
    index.touch(1);
    index.update(ALL);
    expect(words(index, store)).toEqual(["1-2", "3"]);
  });

  test("without folding every event has its row", () => {
    const store = storeOf([piece(1, "a"), piece(2, "b")]);

    expect(words(indexOf(store, { fold: false }), store)).toEqual(["1", "2"]);
  });
});

describe("dividers", () => {
  test("a hole is shown before the event after it, also at the beginning", () => {
    const store = storeOf([...range(3, 4), ...range(9, 9)]);

    expect(words(indexOf(store), store)).toEqual(["|missing 3", "3", "4", "|missing 9", "9"]);
  });

  test("a recovered event closes its hole and a new divider appears nowhere", () => {
    const store = storeOf([event(1), event(4)]);
    const index = indexOf(store);
    store.add(event(2));
    index.update(ALL);

    expect(words(index, store)).toEqual(["1", "2", "|missing 4", "4"]);
    store.add(event(3));
    index.update(ALL);
    expect(words(index, store)).toEqual(["1", "2", "3", "4"]);
  });

  // Recovery goes newest first, so a chunk is often filled after the one behind it.
  test("a hole that ends at a chunk's border is closed when the chunk before is filled", () => {
    const store = storeOf([event(CHUNK - 2), event(CHUNK), event(CHUNK + 1)]);
    const index = indexOf(store, { start: CHUNK - 2 });

    expect(words(index, store)).toContain(`|missing ${CHUNK}`);
    store.add(event(CHUNK - 1));
    index.update(ALL);
    expect(words(index, store)).toEqual([CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1].map(String));
  });

  test("a hole between two shown events is shown also when a filter hides its neighbours", () => {
    const store = storeOf([
      event(1),
      event(2, { event_type: "x" }),
      event(5, { event_type: "x" }),
      event(6),
    ]);

    expect(words(indexOf(store, { text: "type:note" }), store)).toEqual(["1", "|missing 6", "6"]);
  });

  test("a quiet time gets a divider, but not in a filtered list, where it would mislead", () => {
    const late = event(2, { timestamp_ms: 1_700_000_009_000 });
    const store = storeOf([event(1), late]);

    expect(words(indexOf(store), store)).toEqual(["1", "|pause 2", "2"]);
    expect(words(indexOf(store, { text: "type:note" }), store)).toEqual(["1", "2"]);
  });

  test("a mark that comes later stands before its event", () => {
    const store = storeOf(range(1, 3));
    const index = indexOf(store);
    index.setFrame(() => 1, new Map([[2, "reconnected"]]));
    index.update(ALL);

    expect(words(index, store)).toEqual(["1", "|mark 2", "2", "3"]);
  });

  test("another epoch is divided from the one before", () => {
    const store = storeOf(range(1, 2));
    store.beginEpoch("the stream began anew");
    store.add(event(1));
    const index = indexOf(store);

    expect(words(index, store)).toEqual(["1", "2", "|epoch 1", "1"]);
  });

  test("after eviction the first row says that events are missing before it", () => {
    const store = storeOf(range(1, 2 * CHUNK));
    const index = indexOf(store);
    store.evict(store.chars * 0.6);
    index.update(ALL);

    expect(words(index, store).slice(0, 2)).toEqual([`|missing ${CHUNK}`, String(CHUNK)]);
  });
});

describe("a chunk without holes, which is built without looking for them", () => {
  const full = range(1, CHUNK + 600);

  test("marks, quiet times and the chunk's first event get their dividers all the same", () => {
    const late = full.map((record) =>
      record.sequence < CHUNK + 300
        ? record
        : { ...record, timestamp_ms: record.timestamp_ms + 9e3 },
    );
    const store = storeOf(late.filter(({ sequence }) => sequence !== CHUNK - 1));
    const rows = words(indexOf(store, { marks: new Map([[CHUNK + 500, "reconnected"]]) }), store);

    expect(store.chunks.get(1)!.seamless).toBe(true);
    expect(rows.filter((word) => word.startsWith("|"))).toEqual([
      `|missing ${CHUNK}`,
      `|pause ${CHUNK + 300}`,
      `|mark ${CHUNK + 500}`,
    ]);
  });

  test("a hole that comes later is shown, and a filled one is gone", () => {
    const store = storeOf(full);
    const index = indexOf(store);
    store.add(event(CHUNK + 602));
    index.update(ALL);

    expect(store.chunks.get(1)!.seamless).toBe(false);
    expect(words(index, store).slice(-2)).toEqual([`|missing ${CHUNK + 602}`, `${CHUNK + 602}`]);
    store.add(event(CHUNK + 601));
    index.update(ALL);
    expect(words(index, store).slice(-2)).toEqual([`${CHUNK + 601}`, `${CHUNK + 602}`]);
  });

  test("a run as long as a chunk is one row of all its events", () => {
    const store = storeOf(Array.from({ length: CHUNK }, (_, i) => piece(CHUNK + i, "x")));
    const index = indexOf(store, { start: CHUNK });

    expect(index.row(0)).toMatchObject({ position: CHUNK, last: 2 * CHUNK - 1, count: CHUNK });
    expect(index.length).toBe(1);
  });

  test("every event of it can be a row, unfolded beside its head", () => {
    const store = storeOf(Array.from({ length: CHUNK }, (_, i) => piece(CHUNK + i, "x")));
    const index = indexOf(store, { start: CHUNK, unfolded: new Set([CHUNK]) });

    expect(index.length).toBe(CHUNK + 1);
    expect(index.row(CHUNK)).toMatchObject({ position: 2 * CHUNK - 1, child: true });
    expect(index.indexOf(2 * CHUNK - 1)).toBe(CHUNK);
  });
});

describe("the index", () => {
  test("slices give the newest rows first and all rows in the end", () => {
    const store = storeOf(range(1, 5 * CHUNK));
    const index = indexOf(store);
    index.reset({});
    let clock = 0;
    const tick = () => clock++;
    index.update(70, tick);

    expect(index.complete).toBe(false);
    expect(store.sequence(index.row(index.length - 1)!.position)).toBe(5 * CHUNK);
    expect(index.length).toBeLessThan(5 * CHUNK);
    while (!index.complete) index.update(70, tick);
    expect(index.length).toBe(5 * CHUNK);
    expect(index.hits).toBe(5 * CHUNK);
  });

  test("rows and positions agree everywhere", () => {
    const store = storeOf([
      ...range(1, 40),
      piece(41, "a"),
      piece(42, "b"),
      ...range(50, CHUNK + 20),
    ]);
    const index = indexOf(store, { unfolded: new Set([41]) });
    for (let i = 0; i < index.length; i++) {
      const row = index.row(i)!;
      const isFirstPiece = row.child && index.row(i - 1)!.count > 1;
      if (row.divider || row.count > 1 || isFirstPiece) continue;
      expect(index.indexOf(row.position)).toBe(i);
    }

    expect(index.row(index.length)).toBeNull();
    expect(index.row(-1)).toBeNull();
  });

  test("an event that is not shown points to the next one that is", () => {
    const store = storeOf([event(1), event(2, { event_type: "x" }), event(3)]);
    const index = indexOf(store, { text: "type:note" });

    expect(index.indexOf(2)).toBe(1);
  });

  test("a pause hides what comes after, and its end shows it", () => {
    const store = storeOf(range(1, 10));
    const index = indexOf(store);
    index.setLimit(10);
    for (const record of range(11, CHUNK + 50)) store.add(record);
    index.update(ALL);

    expect(index.length).toBe(10);
    index.setLimit(ALL);
    index.update(ALL);
    expect(index.length).toBe(CHUNK + 50);
  });

  test("a cleared view begins with the next event", () => {
    const store = storeOf(range(1, 10));
    const index = indexOf(store, { since: 11, start: 11 });
    store.add(event(11));
    index.update(ALL);

    expect(words(index, store)).toEqual(["11"]);
  });

  test("hits are counted in a range of positions", () => {
    const store = storeOf(range(1, 3 * CHUNK));
    const index = indexOf(store, { text: "-type:none" });

    expect(index.unseen(new Map([[store.lane(), 9]]), -1)).toBe(3 * CHUNK - 9);
    expect(index.unseen(new Map([[store.lane(), 9]]), CHUNK + 9)).toBe(2 * CHUNK - 10);
    expect([...index.positions(5, 8)]).toEqual([5, 6, 7, 8]);
  });

  test("the brush keeps the events of its time", () => {
    const store = storeOf(range(1, 10));
    const at = (n: number) => 1_700_000_000_000 + n * 10;

    expect(words(indexOf(store, { time: [at(3), at(5)] }), store)).toEqual(["3", "4", "5"]);
  });
});
