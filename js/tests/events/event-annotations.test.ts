import { expect, test } from "vitest";
import { EventAnnotations } from "../../src/events/event-annotations.ts";

const ALL = Number.POSITIVE_INFINITY;
const nowhere = () => -1;

function event(sequence: number, payload: object | string, origin = "USER_EVENT") {
  return {
    sequence,
    axon_id: "axn_1",
    timestamp_ms: sequence,
    origin,
    source: "judge",
    event_type: "annotation",
    payload: typeof payload === "string" ? payload : JSON.stringify(payload),
  };
}

function read(...events: ReturnType<typeof event>[]): EventAnnotations {
  const annotations = new EventAnnotations();
  for (const one of events) annotations.take(one, (sequence) => sequence);
  return annotations;
}

test("an event has what was judged of it until that is taken back", () => {
  const found = read(
    event(10, { target_sequence: 4, label: "correct", score: 0.5 }),
    event(12, { retracts: 10 }),
  );

  const [one] = found.within(4, 4, 11, nowhere);
  expect(one).toMatchObject({ label: "correct", score: 0.5, annotator: "judge", sequence: 10 });
  expect(found.within(4, 4, ALL, nowhere)).toEqual([]);
  expect(found.within(4, 4, 9, nowhere)).toEqual([]);
});

test("a call's is shown where it begins, a run of events has those of all its events", () => {
  const found = read(
    event(10, { call_id: "c", label: "wrong" }),
    event(11, { target_sequence: 6, explanation: "why" }),
  );

  expect(found.within(3, 3, ALL, (call) => (call === "c" ? 3 : -1))).toHaveLength(1);
  expect(found.within(5, 8, ALL, nowhere).map(({ note }) => note)).toEqual(["why"]);
});

test("what is not an annotation changes nothing", () => {
  const found = read(
    event(1, "{"),
    event(2, "null"),
    event(3, { target_sequence: "4", label: "x" }),
    event(4, { target_sequence: 4, label: "x" }, "SYSTEM_EVENT"),
    event(5, { target_sequence: 4, label: { bad: 1 } }),
    event(6, { target_sequence: 4, label: "x", score: "high" }),
  );

  expect(found.within(4, 4, ALL, nowhere)).toEqual([]);
});
