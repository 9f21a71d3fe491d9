import { describe, expect, test } from "vitest";
import { Trace } from "../../src/trace/fold.ts";
import type { Entry } from "../../src/trace/model.ts";
import { isGroup, Outline } from "../../src/trace/outline.ts";

function traceOf(...states: Partial<Entry>[]): Trace {
  const trace = new Trace();
  states.forEach((state, at) => {
    trace.apply({ entry: at + 1, revision: 1, sequence: at + 1, state });
  });
  return trace;
}

function shape(outline: Outline): unknown[] {
  const item = (entry: Entry): unknown => {
    const inside = entry.kind === "tool" ? outline.childrenOf(entry.call_id ?? "") : [];
    return inside.length > 0 ? [entry.id, ...inside.map(item)] : entry.id;
  };
  return outline.parts.map((part) =>
    isGroup(part) ? { turn: part.turn?.id ?? null, items: part.items.map(item) } : part.id,
  );
}

describe("the outline of a trace", () => {
  test("has turns with their items, and what happened outside of turns", () => {
    const outline = new Outline();
    outline.update(
      traceOf(
        { kind: "session" },
        { kind: "notice" },
        { kind: "turn", turn_id: "a" },
        { kind: "message", turn_id: "a" },
        { kind: "turn", turn_id: "b" },
        { kind: "message", turn_id: "a" },
        { kind: "message", turn_id: "b" },
      ),
    );

    expect(shape(outline)).toEqual([2, { turn: 3, items: [4, 6] }, { turn: 5, items: [7] }]);
    expect(outline.session?.id).toBe(1);
  });

  test("puts a subagent's work under its call, at any depth", () => {
    const outline = new Outline();
    outline.update(
      traceOf(
        { kind: "turn", turn_id: "a" },
        { kind: "tool", turn_id: "a", call_id: "x" },
        { kind: "message", turn_id: "a", parent_id: "x" },
        { kind: "tool", turn_id: "a", parent_id: "x", call_id: "y" },
        { kind: "message", turn_id: "a", parent_id: "y" },
        { kind: "message", turn_id: "a" },
      ),
    );

    expect(shape(outline)).toEqual([{ turn: 1, items: [[2, 3, [4, 5]], 6] }]);
  });

  test("shows what came before its call in the turn, until the call comes", () => {
    const trace = traceOf(
      { kind: "turn", turn_id: "a" },
      { kind: "message", turn_id: "a", parent_id: "x" },
    );
    const outline = new Outline();
    outline.update(trace);

    expect(shape(outline)).toEqual([{ turn: 1, items: [2] }]);

    trace.apply({
      entry: 3,
      revision: 1,
      sequence: 3,
      state: { kind: "tool", turn_id: "a", call_id: "x" },
    });
    outline.update(trace);

    expect(shape(outline)).toEqual([{ turn: 1, items: [[3, 2]] }]);
  });

  test("loses no call that says it is inside of itself", () => {
    const outline = new Outline();
    outline.update(
      traceOf(
        { kind: "tool", turn_id: "a", call_id: "x", parent_id: "y" },
        { kind: "tool", turn_id: "a", call_id: "y", parent_id: "x" },
        { kind: "tool", turn_id: "a", call_id: "z", parent_id: "z" },
      ),
    );
    const seen = JSON.stringify(shape(outline));

    for (const id of [1, 2, 3]) expect(seen).toContain(String(id));
  });

  test("keeps the groups while entries move, so that their views stay", () => {
    const trace = traceOf(
      { kind: "turn", turn_id: "queued-1" },
      { kind: "turn", turn_id: "b" },
      { kind: "message", turn_id: "b" },
    );
    const outline = new Outline();
    outline.update(trace);
    const group = outline.parts[1];
    trace.apply({ entry: 1, revision: 2, sequence: 9, state: { turn_id: "t1" } });
    outline.update(trace);

    expect(outline.parts[1]).toBe(group);
    expect(shape(outline)).toEqual([
      { turn: 1, items: [] },
      { turn: 2, items: [3] },
    ]);
  });
});
