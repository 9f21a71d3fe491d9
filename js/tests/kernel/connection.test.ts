import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  asBytes,
  type Channel,
  Conn,
  type Hole,
  type Receiver,
} from "../../src/kernel/connection.ts";
import type { KernelMessage, PageMessage, Range } from "../../src/kernel/protocol.ts";

class Wire implements Channel {
  readonly sent: PageMessage[] = [];
  take: (content: unknown, buffers: readonly ArrayBufferView[]) => void = () => {};

  send(message: PageMessage): void {
    this.sent.push(message);
  }

  listen(take: Wire["take"]): void {
    this.take = take;
  }

  of<K extends PageMessage["kind"]>(kind: K): Extract<PageMessage, { kind: K }>[] {
    return this.sent.filter((message) => message.kind === kind) as Extract<
      PageMessage,
      { kind: K }
    >[];
  }
}

class Taker implements Receiver {
  readonly taken: [string, string][] = [];
  readonly epochs: [string, string][] = [];
  readonly silences: boolean[] = [];
  missing: Range[] = [];

  epoch(epoch: string, previous: string): void {
    this.epochs.push([epoch, previous]);
  }

  take(message: KernelMessage, bytes: Uint8Array): void {
    this.taken.push([message.kind, new TextDecoder().decode(bytes)]);
  }

  holes(): Hole[] {
    return [{ stream: "", ranges: this.missing }];
  }

  silent(silent: boolean): void {
    this.silences.push(silent);
  }
}

let wire: Wire;
let taker: Taker;
let conn: Conn;
let end: AbortController;

function pass(ms: number): void {
  vi.advanceTimersByTime(ms);
}

function ev(batch: number, text = "[]", changes: object = {}): void {
  const message = {
    kind: "ev",
    epoch: "e1",
    batch,
    sent_ms: 0,
    first: 1,
    count: 1,
    head: 1,
    deflated: false,
    ...changes,
  };
  wire.take(message, [new TextEncoder().encode(text)]);
}

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  taker = new Taker();
  end = new AbortController();
  conn = new Conn(wire, taker, end.signal, () => Date.now());
});

afterEach(() => {
  end.abort();
  vi.useRealTimers();
});

describe("connection", () => {
  test("hello is said at once and again, ever more patiently, until the kernel answers", () => {
    pass(20_000);
    const sent = wire.of("hello").length;
    ev(1);
    pass(20_000);

    expect(sent).toBeGreaterThan(3);
    expect(sent).toBeLessThan(8);
    expect(wire.of("hello")).toHaveLength(sent);
    expect(wire.of("hello")[0]).toMatchObject({ epoch: "" });
  });

  test("acknowledgements count batches and bytes, and are no more than two a second", () => {
    const text = `[${" ".repeat(16_382)}]`;
    for (let batch = 1; batch <= 40; batch++) {
      ev(batch, text);
      pass(50);
    }
    pass(4000);
    const acks = wire.of("ack");

    expect(acks.length).toBeGreaterThanOrEqual(4);
    expect(acks.length).toBeLessThanOrEqual(6);
    expect(acks.at(-1)).toMatchObject({ epoch: "e1", batch: 40, bytes: 40 * 16_384 });
  });

  test("a stream of few bytes is acknowledged now and then, the first of them at once", () => {
    ev(1, "[1]");
    pass(500);
    const first = wire.of("ack").length;
    for (let batch = 2; batch <= 200; batch++) {
      ev(batch, "[1]");
      pass(50);
    }
    pass(4000);
    const acks = wire.of("ack");

    expect(first).toBe(1);
    expect(acks.length).toBeLessThanOrEqual(5);
    expect(acks.at(-1)).toMatchObject({ epoch: "e1", batch: 200, bytes: 600 });
  });

  test("batches that never came are counted, the last message of the kernel included", () => {
    ev(1);
    ev(4);
    wire.take({ kind: "stat", epoch: "e1", batch: 6, sent_ms: 0, state: { name: "live" } }, []);

    expect(conn.missedBatches).toBe(4);
  });

  test("a page that comes late does not count what was before it", () => {
    ev(900);

    expect(conn.missedBatches).toBe(0);
    expect(conn.batch).toBe(900);
  });

  test("what is missing is asked for at once, then with growing patience, at most eight ranges", () => {
    taker.missing = Array.from({ length: 12 }, (_, i): Range => [i * 10, i * 10 + 1]);
    ev(1);

    expect(wire.of("need")).toHaveLength(1);
    expect(wire.of("need")[0]!.ranges).toHaveLength(8);
    pass(30_000);
    expect(wire.of("need").length).toBeGreaterThan(3);
    expect(wire.of("need").length).toBeLessThan(9);
  });

  test("an answered need is not repeated; the rest of it is asked for anew", () => {
    taker.missing = [[1, 100]];
    ev(1);
    taker.missing = [[1, 50]];
    pass(500);
    const asked = wire.of("need").map((need) => need.ranges[0]);
    taker.missing = [];
    pass(20_000);

    expect(asked).toEqual([
      [1, 100],
      [1, 50],
    ]);
    expect(wire.of("need")).toHaveLength(2);
  });

  test("another epoch begins a stream with its own numbers", () => {
    ev(5);
    ev(1, "[]", { epoch: "e2" });

    expect(taker.epochs).toEqual([
      ["e1", ""],
      ["e2", "e1"],
    ]);
    expect(conn.batch).toBe(1);
    expect(conn.missedBatches).toBe(0);
  });

  test("fifteen silent seconds are reported, and so is the end of the silence", () => {
    ev(1);
    pass(16_000);
    ev(2);

    expect(taker.silences).toEqual([true, false]);
  });

  test("after a bye nothing is missing and nobody is silent", () => {
    taker.missing = [[1, 2]];
    ev(1);
    const asked = wire.of("need").length;
    wire.take({ kind: "bye", epoch: "e1", batch: 1, sent_ms: 0, reason: "closed" }, []);
    pass(60_000);

    expect(wire.of("need")).toHaveLength(asked);
    expect(taker.silences).toEqual([]);
  });

  test("a bye and what came just before it are not acknowledged", () => {
    ev(1, `[${" ".repeat(100_000)}]`);
    wire.take({ kind: "bye", epoch: "e1", batch: 1, sent_ms: 0, reason: "closed" }, []);
    pass(60_000);

    expect(wire.of("ack")).toHaveLength(0);
  });

  test("messages of others are not taken", () => {
    wire.take({ kind: "something" }, []);
    wire.take(null, []);
    wire.take("ev", []);

    expect(taker.taken).toEqual([]);
    expect(conn.answered).toBe(false);
  });

  test("when the widget goes, its timers go", () => {
    end.abort();
    const sent = wire.sent.length;
    pass(60_000);

    expect(wire.sent).toHaveLength(sent);
  });
});

describe("buffers", () => {
  test("deflated and plain messages arrive in the order they were sent", async () => {
    vi.useRealTimers();
    const packed = deflateSync(Buffer.from("[1]"));
    const message = { kind: "ev", epoch: "e1", sent_ms: 0, first: 1, count: 1, head: 1 };
    wire.take({ ...message, batch: 1, deflated: true }, [packed]);
    wire.take({ ...message, batch: 2, deflated: false }, [Buffer.from("[2]")]);
    await vi.waitFor(() => expect(taker.taken).toHaveLength(2));

    expect(taker.taken.map(([, text]) => text)).toEqual(["[1]", "[2]"]);
    expect(conn.bytes).toBe(packed.byteLength + 3);
  });

  // JupyterLab hands over a DataView into a larger buffer, Colab a Uint8Array.
  test("any view is read where it points to", () => {
    const whole = new TextEncoder().encode("__abc__");

    expect(new TextDecoder().decode(asBytes(new DataView(whole.buffer, 2, 3)))).toBe("abc");
    expect(new TextDecoder().decode(asBytes(whole.subarray(2, 5)))).toBe("abc");
    expect(asBytes(undefined).byteLength).toBe(0);
  });
});
