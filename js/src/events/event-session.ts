// The event stream in the page: its events, its counts, what is missing and asked for.

import type { Channel, Hole } from "../kernel/connection.ts";
import { type KernelFacts, KernelSession } from "../kernel/kernel-facts.ts";
import type {
  EventRecord,
  KernelMessage,
  Range,
  Snapshot,
  StatMessage,
} from "../kernel/protocol.ts";
import { ANNOTATION, type EventAnnotation, EventAnnotations } from "./event-annotations.ts";
import { kindAt } from "./event-kinds.ts";
import { Store } from "./event-store.ts";
import { Histogram } from "./histogram.ts";

const RATE_MS = 2000;
const HOLES_AT_ONCE = 8;

/** Everything the state line is made from. */
export interface Facts extends KernelFacts {
  stat: StatMessage | null;
  size: number;
}

export interface Counts {
  /** Events here and in the kernel that the viewer was asked to show. */
  total: number;
  /** The server could not deliver them. */
  lost: number;
  /** They were let go, here or in the kernel, to stay within the budget. */
  notKept: number;
  /** They are missing here and asked for. */
  recovering: number;
}

export class Session extends KernelSession<StatMessage> {
  readonly store = new Store();
  readonly histogram = new Histogram();
  readonly marks = new Map<number, string>();
  readonly annotations = new EventAnnotations();
  maxChars = Number.POSITIVE_INFINITY;
  /** Grows when events were put between or before others: searches begin anew. */
  reordered = 0;

  readonly #decoder = new TextDecoder();
  readonly #arrivals: [number, number][] = [];
  /** Ranges of positions that nobody can deliver. */
  #unavailable: Range[] = [];

  constructor(channel: Channel, signal: AbortSignal, now: () => number = () => performance.now()) {
    super(now);
    this.connect(channel, signal);
  }

  /** First position that the viewer was asked to show; beyond all until the kernel has said it. */
  get start(): number {
    return this.stat ? this.store.position(this.stat.start) : Number.MAX_SAFE_INTEGER;
  }

  get facts(): Facts {
    return { ...this.kernelFacts, stat: this.stat, size: this.store.size };
  }

  /** Events per second over the last two seconds, by arrival. */
  get rate(): number {
    const since = this.now() - RATE_MS;
    while (this.#arrivals[0] && this.#arrivals[0][0] < since) this.#arrivals.shift();
    const total = this.#arrivals.reduce((sum, [, count]) => sum + count, 0);
    return (total * 1000) / RATE_MS;
  }

  get counts(): Counts {
    const { store, stat } = this;
    if (!stat || store.newest < 0 || this.snapshotTaken !== null) {
      return { total: store.size, lost: stat?.lost ?? 0, notKept: 0, recovering: 0 };
    }
    const lost = stat?.lost ?? 0;
    const from = this.start;
    const absent = Math.max(0, store.newest - from + 1 - store.filledIn(from, store.newest) - lost);
    const [low, high] = this.#askable();
    const asked = Math.max(
      0,
      high - low + 1 - store.filledIn(low, high) - this.#unavailableIn(low, high),
    );
    const recovering = Math.min(absent, asked);
    return { total: store.size + absent, lost, notKept: absent - recovering, recovering };
  }

  /** The server could not deliver the event at a position. */
  isLost(position: number): boolean {
    const sequence = this.store.sequence(position);
    return (
      !this.store.isOld(position) &&
      (this.stat?.gaps ?? []).some(([from, to]) => sequence >= from && sequence <= to)
    );
  }

  /** The kernel has the event at a position and will send it. */
  isRecoverable(position: number): boolean {
    const [low, high] = this.#askable();
    if (position < low || position > high) return false;
    return !this.#unavailable.some(([from, to]) => position >= from && position <= to);
  }

  // ---- annotations ------------------------------------------------------------------------------

  /** Whether a judgement can be published: there is a kernel that listens. */
  get canAnnotate(): boolean {
    const { facts } = this;
    return facts.heard && !facts.gone && facts.bye === null && facts.snapshot === null;
  }

  /** What was judged of the events from one position to another, as of the event at `limit`. */
  annotationsOf(from: number, to: number, limit: number): readonly EventAnnotation[] {
    const opens = (call: string) => this.store.pairNamed(`tool ${call}`)?.open ?? -1;
    return this.annotations.within(from, to, limit, opens);
  }

  /** Ask the kernel to publish a judgement on an event. */
  annotate(target: number, made: { label: string; note: string; score: number | null }): void {
    this.conn.command("annotate", JSON.stringify({ target, ...made }));
  }

  retract(annotation: number): void {
    this.conn.command("annotate", JSON.stringify({ retracts: annotation }));
  }

  // ---- Receiver ---------------------------------------------------------------------------------

  epoch(_epoch: string, previous: string): void {
    const isNew = previous !== "" || this.store.size > 0;
    if (isNew || this.store.epochs.length === 0)
      this.store.beginEpoch(isNew ? "the stream began anew" : "");
    this.begin();
    this.#unavailable = [];
    this.reordered++;
  }

  protected receive(message: KernelMessage, bytes: Uint8Array): void {
    if (message.kind === "ev" || message.kind === "snap") this.#takeEvents(bytes, message.kinds);
    if (message.kind === "snap") this.#takeMissing(message.missing);
    if (message.kind === "stat") this.#takeStat(message);
  }

  holes(): Hole[] {
    if (this.isOver) return [];
    const [low, high] = this.#askable();
    const ranges = this.store
      .absent(low, high, HOLES_AT_ONCE + this.#unavailable.length)
      .flatMap((range) => subtract(range, this.#unavailable))
      .map(([from, to]): Range => [this.store.sequence(from), this.store.sequence(to)])
      .sort((a, b) => b[0] - a[0]);
    return [{ stream: "", ranges }];
  }

  have(): number {
    return this.store.newest < this.store.epochStart
      ? 0
      : this.store.sequence(Math.max(0, this.store.newest));
  }

  // ---- other sources ----------------------------------------------------------------------------

  /** Show what was saved with the notebook. */
  load(snapshot: Snapshot): void {
    if (this.conn.heard) return;
    this.store.beginEpoch("");
    this.#add(snapshot.events, snapshot.kinds);
    this.showSnapshot(snapshot, statOf(snapshot));
  }

  #takeEvents(bytes: Uint8Array, kinds: string): void {
    if (bytes.byteLength === 0) return;
    const records = JSON.parse(this.#decoder.decode(bytes)) as EventRecord[];
    const added = this.#add(records, kinds);
    this.#arrivals.push([this.now(), added]);
    if (this.store.chars > this.maxChars && this.store.evict(this.maxChars * 0.95) > 0)
      this.reordered++;
  }

  #add(records: readonly EventRecord[], kinds: string | undefined): number {
    const { store } = this;
    let added = 0;
    const tail = store.newest;
    for (const [index, record] of records.entries()) {
      if (typeof record.payload !== "string") {
        record.payload = record.payload === undefined ? "" : JSON.stringify(record.payload);
      }
      if (!store.add(record, kindAt(kinds, index))) continue;
      if (record.event_type === ANNOTATION)
        this.annotations.take(record, (sequence) => store.position(sequence));
      added++;
      this.histogram.add(
        record.timestamp_ms,
        store.looks[store.types.find(record.event_type)]?.hue ?? 8,
      );
    }
    const first = records[0];
    if (first && added > 0 && store.position(first.sequence) < tail) this.reordered++;
    return added;
  }

  #takeMissing(ranges: readonly Range[]): void {
    for (const range of ranges) this.#declare(range);
  }

  #takeStat(stat: StatMessage): void {
    this.keepStat(stat);
    for (const gap of stat.gaps) this.#declare(gap);
    for (const mark of stat.marks) this.marks.set(this.store.position(mark.sequence), mark.label);
  }

  #declare([from, to]: Range): void {
    const range: Range = [this.store.position(from), this.store.position(to)];
    const known = this.#unavailable.some(([low, high]) => low <= range[0] && high >= range[1]);
    if (!known) this.#unavailable.push(range);
  }

  /** What the kernel keeps and has sent, but for what this page let go. */
  #askable(): Range {
    const { stat, store } = this;
    if (!stat || stat.kept_from === 0) return [0, -1];
    const first = store.keys[0];
    const floor = store.evicted > 0 && first !== undefined ? this.store.chunks.get(first)!.base : 0;
    const low = Math.max(store.position(Math.max(stat.kept_from, stat.start)), floor);
    return [low, Math.max(store.position(stat.pushed), store.newest)];
  }

  #unavailableIn(low: number, high: number): number {
    let count = 0;
    for (const [from, to] of this.#unavailable) {
      count += Math.max(0, Math.min(to, high) - Math.max(from, low) + 1);
    }
    return count;
  }
}

function subtract(range: Range, taken: readonly Range[]): Range[] {
  return taken.reduce<Range[]>(
    (parts, [low, high]) =>
      parts
        .flatMap(([from, to]): Range[] => [
          [from, Math.min(to, low - 1)],
          [Math.max(from, high + 1), to],
        ])
        .filter(([from, to]) => from <= to),
    [range],
  );
}

function statOf(snapshot: Snapshot): StatMessage {
  return {
    kind: "stat",
    epoch: "",
    batch: 0,
    sent_ms: snapshot.taken_ms,
    state: snapshot.state,
    start: snapshot.start,
    head: snapshot.head,
    pushed: 0,
    kept_from: 0,
    kept_to: 0,
    received: snapshot.received,
    dropped: snapshot.dropped,
    lost: snapshot.lost,
    gaps: [],
    marks: [],
    bytes: 0,
    max_bytes: 0,
  };
}
