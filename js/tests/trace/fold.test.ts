import { describe, expect, test } from "vitest";
import { Trace, whole } from "../../src/trace/fold.ts";
import type { Record } from "../../src/trace/model.ts";
import { Rewind } from "../../src/trace/rewind.ts";

const block = (end: number) => ({ end, node: { kind: "p", children: ["x"] } });
const records: Record[] = [
  {
    entry: 1,
    revision: 1,
    sequence: 1,
    at_ms: 10,
    state: { kind: "turn", turn_id: "t", text: "hi" },
  },
  { entry: 2, revision: 1, sequence: 2, at_ms: 20, state: { kind: "message", turn_id: "t" } },
  { entry: 2, revision: 2, sequence: 3, at_ms: 30, append: "One.\n\n" },
  { entry: 2, revision: 3, sequence: 5, at_ms: 50, append: "Two." },
  { entry: 2, from: 0, blocks: [block(6), block(10)] },
  null,
  { entry: 1, revision: 2, sequence: 6, at_ms: 60, state: { kind: "turn", status: "completed" } },
];

function fold(list: readonly Record[], asOf: number): Trace {
  const now = new Trace();
  for (const record of list) now.apply(record);
  return new Rewind().moveTo(asOf, list, now);
}

function of(trace: Trace, id: number) {
  return trace.entries[id - 1]!;
}

describe("a trace", () => {
  test("is made of revisions in order", () => {
    const trace = new Trace();
    for (const record of records) trace.apply(record);

    expect(of(trace, 2)).toMatchObject({
      kind: "message",
      text: "One.\n\nTwo.",
      revision: 3,
      first_sequence: 2,
      last_sequence: 5,
      started_ms: 20,
      ended_ms: 50,
      ranges: [2, 3, 5, 5],
      blocks: [block(6), block(10)],
    });
    expect(of(trace, 1)).toMatchObject({ status: "completed", ended_ms: null, text: "hi" });
    expect(trace.sequence).toBe(6);
  });

  test("counts changes per turn, for those who draw", () => {
    const trace = new Trace();
    for (const record of records) trace.apply(record);

    expect(trace.changes.get("t")).toBe(6);
  });

  test("ignores later revisions of an entry that the kernel let go", () => {
    const trace = new Trace();

    expect(trace.apply({ entry: 7, revision: 4, sequence: 9, append: "more" })).toBeNull();
    expect(trace.apply({ entry: 7, from: 0, blocks: [block(1)] })).toBeNull();
  });

  test("takes a whole entry in place of its revisions", () => {
    const trace = new Trace();
    trace.put(whole({ id: 3, kind: "notice", text: "gone", last_sequence: 8 } as { id: number }));

    expect(of(trace, 3)).toMatchObject({ kind: "notice", text: "gone", turn_id: "", parts: [] });
    expect(trace.sequence).toBe(8);
  });

  test("says when an entry has moved to another turn", () => {
    const trace = new Trace();
    for (const record of records) trace.apply(record);
    const before = trace.structure;
    trace.apply({ entry: 2, revision: 4, sequence: 7, state: { turn_id: "u" } });

    expect(trace.structure).toBe(before + 1);
  });
});

describe("a trace as of an event", () => {
  test("knows nothing that came later", () => {
    const trace = fold(records, 3);

    expect(of(trace, 2).text).toBe("One.\n\n");
    expect(of(trace, 1).status).toBe("");
    expect(trace.sequence).toBe(3);
  });

  test("has the blocks that lie in the text of then", () => {
    expect(of(fold(records, 3), 2).blocks).toEqual([block(6)]);
    expect(of(fold(records, 5), 2).blocks).toEqual([block(6), block(10)]);
    expect(of(fold(records, 2), 2).blocks).toEqual([]);
  });

  test("has no blocks of a text that was replaced", () => {
    const replaced: Record[] = [
      ...records,
      { entry: 2, revision: 4, sequence: 7, state: { text: "Other" } },
      { entry: 2, from: 0, blocks: [block(5)] },
    ];

    expect(of(fold(replaced, 5), 2).blocks).toEqual([]);
    expect(of(fold(replaced, 7), 2).blocks).toEqual([block(5)]);
  });
});
