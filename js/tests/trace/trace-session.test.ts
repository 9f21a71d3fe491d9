import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Channel } from "../../src/kernel/connection.ts";
import type { PageMessage } from "../../src/kernel/protocol.ts";
import type { Record } from "../../src/trace/model.ts";
import { TraceSession } from "../../src/trace/trace-session.ts";

class Wire implements Channel {
  readonly sent: PageMessage[] = [];
  take: (content: unknown, buffers: readonly ArrayBufferView[]) => void = () => {};

  send(message: PageMessage): void {
    this.sent.push(message);
  }

  listen(take: Wire["take"]): void {
    this.take = take;
  }

  say(message: object, body: unknown = []): void {
    const head = { epoch: "e", batch: 0, sent_ms: 1, deflated: false };
    this.take({ ...head, ...message }, [new TextEncoder().encode(JSON.stringify(body))]);
  }

  needs(): [number, number][] {
    const last = this.sent.findLast((message) => message.kind === "need");
    return last?.kind === "need" ? last.ranges : [];
  }
}

const RECORDS: Record[] = [
  { entry: 1, revision: 1, sequence: 1, state: { kind: "turn", turn_id: "t" } },
  { entry: 2, revision: 1, sequence: 2, state: { kind: "message", turn_id: "t", text: "a" } },
  { entry: 2, revision: 2, sequence: 3, append: "b" },
  { entry: 2, revision: 3, sequence: 4, append: "c" },
];
const text = (session: TraceSession) => session.trace.entries[1]?.text;

let wire: Wire;
let session: TraceSession;
let life: AbortController;
let now: number;

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  wire = new Wire();
  life = new AbortController();
  session = new TraceSession(wire, life.signal, () => now);
});
afterEach(() => {
  life.abort();
  vi.useRealTimers();
});

function wait(ms: number): void {
  now += ms;
  vi.advanceTimersByTime(ms);
}

describe("records that arrive", () => {
  test("are folded in their order, whatever came first, and once", () => {
    wire.say({ kind: "rev", batch: 1, first: 1, count: 1 }, RECORDS.slice(0, 1));
    wire.say({ kind: "rev", batch: 3, first: 3, count: 2 }, RECORDS.slice(2));

    expect(text(session)).toBeUndefined();
    wait(2000);
    expect(wire.needs()).toEqual([[2, 2]]);

    wire.say({ kind: "rev", batch: 3, first: 2, count: 1 }, RECORDS.slice(1, 2));
    wire.say({ kind: "rev", batch: 3, first: 2, count: 3 }, RECORDS.slice(1));

    expect(text(session)).toBe("abc");
  });

  test("that a page has missed at the end are asked for by the heartbeat", () => {
    wire.say({ kind: "rev", batch: 1, first: 1, count: 2 }, RECORDS.slice(0, 2));
    wire.say({ kind: "chatstat", batch: 2, state: { name: "live" }, pushed: 4, refusals: [] });
    wait(2000);

    expect(wire.needs()).toEqual([[3, 4]]);
  });

  test("begin anew with another epoch", () => {
    wire.say({ kind: "rev", batch: 1, first: 1, count: 4 }, RECORDS);
    wire.say({ kind: "rev", epoch: "f", batch: 1, first: 1, count: 2 }, RECORDS.slice(0, 2));

    expect(text(session)).toBe("a");
  });
});

describe("a page that comes late", () => {
  const entry = { id: 2, kind: "message", turn_id: "t", text: "ab", revision: 2, last_sequence: 3 };

  test("shows the newest entries, goes on from there, and then tells the whole story", () => {
    wire.say({ kind: "entries", batch: 1, number: 3 }, [entry]);

    expect(text(session)).toBe("ab");

    wire.say({ kind: "rev", batch: 2, first: 4, count: 1 }, RECORDS.slice(3));

    expect(text(session)).toBe("abc");
    expect(session.trace.entries[0]).toBeUndefined();
    expect(session.asOf(3)).toBeNull();

    wait(2000);
    expect(wire.needs()).toEqual([[1, 3]]);
    wire.say({ kind: "rev", batch: 2, first: 1, count: 3 }, RECORDS.slice(0, 3));

    expect(text(session)).toBe("abc");
    expect(session.trace.entries[0]?.kind).toBe("turn");
    expect(session.asOf(3)?.entries[1]?.text).toBe("ab");
  });

  test("does not take old entries in place of what it has", () => {
    wire.say({ kind: "rev", batch: 1, first: 1, count: 4 }, RECORDS);
    wire.say({ kind: "entries", batch: 1, number: 3 }, [entry]);

    expect(text(session)).toBe("abc");
  });
});

test("a snapshot shows its entries, and nobody can write", () => {
  const entry = { id: 2, revision: 3, kind: "message", text: "saved" };
  session.load({ version: 1, taken_ms: 5, state: { name: "live" }, dropped: 0, entries: [entry] });

  expect(text(session)).toBe("saved");
  expect(session.facts.snapshot).toBe(5);
  expect(session.stat?.read_only).toBe(true);
});

test("events are asked for by their sequences and handed over once", () => {
  const taken: number[] = [];
  session.events([[3, 5]], (events) => taken.push(events.length));
  const command = wire.sent.find((message) => message.kind === "cmd");
  const { id, ranges } = JSON.parse(command?.kind === "cmd" ? command.value : "");

  expect(ranges).toEqual([[3, 5]]);
  wire.say({ kind: "raw", id: "another" }, [{}]);
  wire.say({ kind: "raw", id }, [{}, {}]);
  wire.say({ kind: "raw", id }, [{}, {}]);

  expect(taken).toEqual([2]);
});

test("numbers that JavaScript cannot hold keep their digits where a value is shown", () => {
  const input = '{"id": 6500328718134052120}';
  const record = `[{"entry":1,"revision":1,"sequence":1,"state":{"kind":"tool","input":${input}}}]`;
  const head = {
    kind: "rev",
    epoch: "e",
    batch: 1,
    sent_ms: 1,
    first: 1,
    count: 1,
    deflated: false,
  };
  wire.take(head, [new TextEncoder().encode(record)]);
  const tool = session.trace.entries[0];

  expect(tool?.kind === "tool" && tool.input).toEqual({ id: { digits: "6500328718134052120" } });
});
