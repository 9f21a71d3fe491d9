// A kernel that is not there: the same messages, budgets and answers as the real feed, in the page.

import {
  type AxonRange,
  type AxonStat,
  BATCH_EVENTS,
  type ConnectionState,
  type EventRecord,
  HEARTBEAT_MS,
  type Header,
  type KernelMessage,
  type Mark,
  type PageMessage,
  type Range,
  TICK_MS,
} from "../src/kernel/protocol.ts";

type Listener = (content: unknown, buffers: DataView[]) => void;

export class SimulatedKernel {
  epoch = `epoch-${Math.random().toString(36).slice(2)}`;
  batch = 0;
  state: ConnectionState = { name: "connecting" };
  readonly events: string[] = [];
  readonly received: PageMessage[] = [];
  dropped = 0;
  gaps: Range[] = [];
  lost = 0;
  marks: Mark[] = [];
  /** Losses on purpose: the share of `ev` messages that never arrive. */
  loseShare = 0;
  /** The page is not heard: a cell runs. */
  deaf = false;
  #pushed = 0;
  #listeners = new Set<Listener>();
  #timers: number[] = [];

  start(): void {
    this.#timers.push(window.setInterval(() => this.pump(), TICK_MS));
    this.#timers.push(window.setInterval(() => this.stat(), HEARTBEAT_MS));
    this.stat();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  on(listener: Listener): void {
    this.#listeners.add(listener);
  }

  off(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  listeners(): readonly Listener[] {
    return [...this.#listeners];
  }

  setState(state: ConnectionState): void {
    this.state = state;
    this.stat();
  }

  publish(
    type: string,
    payload: unknown,
    source = "notebook",
    origin = "USER_EVENT",
    at = Date.now(),
  ): void {
    const record: EventRecord = {
      sequence: this.events.length + 1,
      axon_id: "axn_01JD9K3",
      timestamp_ms: Math.round(at),
      origin,
      source,
      event_type: type,
      payload: typeof payload === "string" ? payload : JSON.stringify(payload),
    };
    this.events.push(JSON.stringify(record));
  }

  /** Sequences that no server can deliver any more. */
  loseForGood(count: number): void {
    const from = this.events.length + 1;
    for (let i = 0; i < count; i++) this.events.push("");
    this.gaps.push([from, from + count - 1]);
    this.lost += count;
    this.#pushed = Math.max(this.#pushed, this.events.length);
    this.stat();
  }

  mark(label: string): void {
    this.marks.push({ sequence: this.events.length + 1, label, at_ms: Date.now() });
    this.stat();
  }

  restart(): void {
    this.epoch = `epoch-${Math.random().toString(36).slice(2)}`;
    this.batch = 0;
    this.events.length = 0;
    this.#pushed = 0;
    this.gaps = [];
    this.marks = [];
    this.lost = 0;
    this.stat();
  }

  /** What the page sends. */
  receive(message: PageMessage): void {
    this.received.push(message);
    if (this.deaf) return;
    if (message.kind === "hello") this.stat();
    if (message.kind === "need") for (const range of message.ranges) this.#answer(range);
    if (message.kind === "cmd" && message.name === "retry") this.setState({ name: "live" });
  }

  pump(): void {
    while (this.#pushed < this.events.length) {
      const first = this.#pushed + 1;
      const texts = this.events.slice(this.#pushed, this.#pushed + BATCH_EVENTS);
      this.#pushed += texts.length;
      this.batch++;
      if (Math.random() < this.loseShare) continue;
      this.#send(
        {
          kind: "ev",
          ...this.#header(),
          parts: [{ axon: 0, first, count: texts.filter(Boolean).length, kinds: "" }],
          deflated: false,
        },
        texts,
      );
    }
  }

  stat(): void {
    this.#send(
      {
        kind: "stat",
        ...this.#header(),
        state: this.state,
        axons: [this.#axon()],
        bytes: 0,
        max_bytes: 0,
      },
      null,
    );
  }

  #axon(): AxonStat {
    return {
      id: "axn_01JD9K3",
      name: "",
      state: this.state,
      start: 1,
      head: this.events.length,
      pushed: this.#pushed,
      kept_from: this.events.length > this.dropped ? this.dropped + 1 : 0,
      kept_to: this.events.length,
      received: this.events.length,
      dropped: this.dropped,
      lost: this.lost,
      gaps: this.gaps,
      marks: this.marks,
    };
  }

  /** For screenshots: a bye. */
  bye(reason: "closed" | "replaced" | "ended"): void {
    this.#send({ kind: "bye", ...this.#header(), reason }, null);
  }

  #answer([from, to]: Range): void {
    const missing: AxonRange[] =
      from <= this.dropped ? [[0, from, Math.min(to, this.dropped)]] : [];
    let last = to;
    const low = Math.max(from, this.dropped + 1);
    do {
      const first = Math.max(low, last - BATCH_EVENTS + 1);
      const texts = this.events.slice(first - 1, last).filter(Boolean);
      this.#send(
        {
          kind: "snap",
          ...this.#header(),
          parts: [{ axon: 0, first, count: texts.length, kinds: "" }],
          deflated: false,
          reason: "need",
          missing,
        },
        texts,
      );
      last = first - 1;
    } while (last >= low);
  }

  #header(): Header {
    return { epoch: this.epoch, batch: this.batch, sent_ms: Date.now() };
  }

  #send(message: KernelMessage, texts: string[] | null): void {
    const buffers: DataView[] = [];
    if (texts) {
      const bytes = new TextEncoder().encode(`[${texts.filter(Boolean).join(",")}]`);
      buffers.push(new DataView(bytes.buffer));
    }
    for (const listener of this.#listeners) listener(message, buffers);
  }
}

/** A model as anywidget hands it over, connected to a simulated kernel. */
export class SimulatedModel {
  readonly #values = new Map<string, unknown>();
  readonly #listeners = new Map<string, Set<(...args: never[]) => void>>();

  constructor(
    private readonly kernel: SimulatedKernel | null,
    values: Record<string, unknown>,
  ) {
    for (const [name, value] of Object.entries(values)) this.#values.set(name, value);
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  set(name: string, value: unknown): void {
    this.#values.set(name, value);
    for (const listener of this.#listeners.get(`change:${name}`) ?? []) listener();
  }

  save_changes(): void {}

  send(message: PageMessage): void {
    setTimeout(() => this.kernel?.receive(message), 2);
  }

  on(name: string, listener: (...args: never[]) => void): void {
    if (name === "msg:custom") this.kernel?.on(listener as unknown as Listener);
    const known = this.#listeners.get(name) ?? new Set();
    known.add(listener);
    this.#listeners.set(name, known);
  }

  off(name: string, listener: (...args: never[]) => void): void {
    if (name === "msg:custom") this.kernel?.off(listener as unknown as Listener);
    this.#listeners.get(name)?.delete(listener);
  }
}
