import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SimulatedKernel } from "../../demo/kernel.ts";
import { Session } from "../../src/events/event-session.ts";
import { statusOf } from "../../src/events/event-status.ts";
import type { PageMessage, Snapshot } from "../../src/kernel/protocol.ts";
import { event } from "./make.ts";

let kernel: SimulatedKernel;
let session: Session;
let end: AbortController;

/** A page on the simulated kernel's wire. */
function join(): Session {
  return new Session(
    {
      send: (message: PageMessage) => kernel.receive(message),
      listen: (take) => kernel.on(take),
    },
    end.signal,
    () => Date.now(),
  );
}

function publish(count: number): void {
  for (let i = 0; i < count; i++) kernel.publish("note", { i });
}

function sequences(): number[] {
  const { store } = session;
  const found: number[] = [];
  const lane = store.lane();
  for (let at = lane.start; at <= lane.newest; at++)
    if (store.has(at)) found.push(store.sequence(at));
  return found;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  end = new AbortController();
  kernel = new SimulatedKernel();
  session = join();
  kernel.start();
  kernel.setState({ name: "live" });
});

afterEach(() => {
  end.abort();
  kernel.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("what the page has", () => {
  test("all events, in order, nothing lost", () => {
    publish(2500);
    vi.advanceTimersByTime(200);

    expect(sequences()).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect(session.counts).toEqual({ total: 2500, lost: 0, notKept: 0, recovering: 0 });
  });

  test("messages lost on the way are recovered, and nothing is there twice", () => {
    let n = 0;
    const random = vi.spyOn(Math, "random").mockImplementation(() => (n++ % 3 === 0 ? 0 : 0.9));
    kernel.loseShare = 0.5;
    for (let i = 0; i < 60; i++) {
      publish(50);
      vi.advanceTimersByTime(50);
    }
    random.mockRestore();
    kernel.loseShare = 0;
    vi.advanceTimersByTime(20_000);

    expect(session.conn.missedBatches).toBeGreaterThan(10);
    expect(sequences()).toHaveLength(3000);
    expect(session.store.size).toBe(3000);
    expect(session.counts.recovering).toBe(0);
  });

  test("while a hole is open it counts as recovering, not as lost", () => {
    publish(10);
    vi.advanceTimersByTime(60);
    kernel.loseShare = 1;
    kernel.deaf = true;
    publish(5);
    vi.advanceTimersByTime(60);
    kernel.loseShare = 0;
    publish(5);
    vi.advanceTimersByTime(60);
    kernel.stat();

    expect(session.counts).toEqual({ total: 20, lost: 0, notKept: 0, recovering: 5 });
    expect(session.isRecoverable(12)).toBe(true);
    kernel.deaf = false;
    vi.advanceTimersByTime(10_000);
    expect(session.counts.recovering).toBe(0);
    expect(session.store.size).toBe(20);
  });

  test("a page that comes late gets the past, newest first", () => {
    publish(5000);
    vi.advanceTimersByTime(200);
    session = join();
    vi.advanceTimersByTime(10_000);

    expect(session.store.size).toBe(5000);
    expect(session.counts.notKept).toBe(0);
  });

  // A page that comes late may see an event before the first heartbeat.
  test("until the kernel has said where the stream begins, nothing is called missing", () => {
    publish(500);
    vi.advanceTimersByTime(60);
    kernel.deaf = true;
    session = join();
    publish(1);
    vi.advanceTimersByTime(60);

    expect(session.counts).toEqual({ total: 1, lost: 0, notKept: 0, recovering: 0 });
    expect(session.stream(0).start).toBeGreaterThan(session.store.newest);
    vi.advanceTimersByTime(5000);
    expect(session.counts).toMatchObject({ total: 501, recovering: 500 });
  });

  test("what the kernel let go is not kept, and not asked for again and again", () => {
    publish(1000);
    vi.advanceTimersByTime(200);
    kernel.dropped = 600;
    session = join();
    vi.advanceTimersByTime(30_000);
    const needs = kernel.received.filter(
      ({ kind, page }) => kind === "need" && page === session.conn.page,
    );

    expect(session.store.size).toBe(400);
    expect(session.counts).toMatchObject({ total: 1000, notKept: 600, recovering: 0 });
    expect(needs.length).toBeLessThan(3);
  });

  test("what the server could not deliver is lost, and said so", () => {
    publish(10);
    vi.advanceTimersByTime(60);
    kernel.loseForGood(40);
    publish(10);
    vi.advanceTimersByTime(5100);

    expect(session.counts).toMatchObject({ lost: 40, notKept: 0, recovering: 0 });
    expect(session.isRecoverable(30)).toBe(false);
    expect(session.isLost(30)).toBe(true);
    expect(session.isLost(51)).toBe(false);
  });

  test("a kernel that begins anew starts a second stream behind the first", () => {
    publish(10);
    vi.advanceTimersByTime(60);
    kernel.restart();
    publish(3);
    vi.advanceTimersByTime(60);

    expect(session.store.size).toBe(13);
    expect(sequences()).toEqual([1, 2, 3]);
    expect(session.store.isOld(10)).toBe(true);
  });

  test("the page keeps its own budget and does not ask for what it let go", () => {
    session.maxChars = 400_000;
    const filler = "x".repeat(100);
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 1000; j++) kernel.publish("note", filler);
      vi.advanceTimersByTime(50);
    }
    vi.advanceTimersByTime(5000);

    expect(session.store.evicted).toBeGreaterThan(30_000);
    expect(session.counts.notKept).toBe(session.store.evicted);
    expect(kernel.received.some(({ kind }) => kind === "need")).toBe(false);
  });

  test("a payload that is not a string is kept as its JSON", () => {
    kernel.events.push(JSON.stringify({ ...event(1), payload: { a: 1 } }));
    vi.advanceTimersByTime(60);

    expect(session.store.get(1)?.payload).toBe('{"a":1}');
  });
});

describe("how it stands", () => {
  const word = () => statusOf(session.facts).word;

  test("each state has its word, and those that need it a line", () => {
    expect(word()).toBe("live");
    kernel.setState({ name: "live", reason: "Not a byte for 23 s." });
    expect(statusOf(session.facts)).toMatchObject({ word: "live", line: "Not a byte for 23 s." });
    kernel.setState({ name: "replaying", done: 1200, total: 9000 });
    expect(word()).toBe("replaying 1,200 of 9,000");
    kernel.setState({
      name: "reconnecting",
      reason: "reset by peer",
      retry_in_ms: 8000,
      attempt: 2,
    });
    vi.advanceTimersByTime(3000);
    expect(statusOf(session.facts)).toMatchObject({
      word: "reconnecting",
      retry: true,
      line: "reset by peer · next attempt in 5.0 s (attempt 2)",
    });
    kernel.setState({ name: "failed", reason: "404: no such axon.", way_out: "Create it." });
    expect(statusOf(session.facts)).toMatchObject({
      sign: "bad",
      line: "404: no such axon. Create it.",
    });
    kernel.setState({ name: "ended", reason: "the axon was deleted" });
    expect(word()).toBe("ended");
    kernel.bye("replaced");
    expect(statusOf(session.facts).line).toMatch(/newer viewer/);
  });

  test("a silent kernel is not called live", () => {
    kernel.stop();
    vi.advanceTimersByTime(16_000);

    expect(word()).toBe("kernel silent");
    kernel.stat();
    expect(word()).toBe("live");
  });

  test("a comm that died says so until the kernel speaks again", () => {
    session.kernelGone();
    expect(word()).toBe("kernel gone");
    kernel.stat();
    expect(word()).toBe("live");
  });
});

describe("without a kernel", () => {
  const snapshot: Snapshot = {
    version: 1,
    taken_ms: 1_700_000_000_000,
    state: { name: "ended" },
    axons: [
      {
        id: "axn_1",
        name: "",
        state: { name: "ended" },
        start: 90,
        head: 95,
        pushed: 95,
        kept_from: 90,
        kept_to: 95,
        received: 95,
        dropped: 0,
        lost: 0,
        gaps: [],
        marks: [],
      },
    ],
    events: [event(94), event(95)],
    kinds: "29",
  };

  test("the snapshot is shown as one, and is not called live", () => {
    const alone = new Session({ send() {}, listen() {} }, end.signal, () => Date.now());
    alone.load(snapshot);
    vi.advanceTimersByTime(60_000);

    expect(alone.store.size).toBe(2);
    expect([94, 95].map((position) => alone.store.get(position)?.kind)).toEqual(["tool", "other"]);
    expect(statusOf(alone.facts)).toMatchObject({ word: "snapshot" });
    expect(alone.holes()).toEqual([]);
  });

  test("a kernel that speaks first is believed, one that speaks later begins a stream", () => {
    session.load(snapshot);
    expect(session.store.size).toBe(0);

    const late = new SimulatedKernel();
    const page = new Session({ send() {}, listen: (take) => late.on(take) }, end.signal, () =>
      Date.now(),
    );
    page.load(snapshot);
    late.publish("note", 1);
    late.setState({ name: "live" });
    late.pump();
    expect(statusOf(page.facts).word).toBe("live");
    expect(page.store.size).toBe(3);
  });

  test("without a snapshot and without a word it says what to do", () => {
    const alone = new Session({ send() {}, listen() {} }, end.signal, () => Date.now());

    expect(statusOf(alone.facts).word).toBe("connecting");
    vi.advanceTimersByTime(4000);
    expect(statusOf(alone.facts)).toMatchObject({ word: "no kernel" });
  });
});
