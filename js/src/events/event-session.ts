// The event streams in the page: their events, their counts, what is missing and asked for.

import type { Channel, Hole } from "../kernel/connection.ts";
import { type KernelFacts, KernelSession } from "../kernel/kernel-facts.ts";
import type {
  EventRecord,
  EventsPart,
  KernelMessage,
  Snapshot,
  StatMessage,
} from "../kernel/protocol.ts";
import { AxonStream, type Counts } from "./axon-stream.ts";
import { ANNOTATION, type EventAnnotation, EventAnnotations } from "./event-annotations.ts";
import { kindAt } from "./event-kinds.ts";
import { Store } from "./event-store.ts";
import { Histogram } from "./histogram.ts";
import type { Lane } from "./lane.ts";

const RATE_MS = 2000;

/** Everything the state line is made from. */
export interface Facts extends KernelFacts {
  stat: StatMessage | null;
  size: number;
}

export class Session extends KernelSession<StatMessage> {
  readonly store = new Store();
  readonly histogram = new Histogram();
  readonly marks = new Map<number, string>();
  readonly annotations = new EventAnnotations();
  maxChars = Number.POSITIVE_INFINITY;
  /** Grows when events were put between or before others: searches begin anew. */
  reordered = 0;

  /** Of the current epoch, by place of the axon. */
  streams: AxonStream[] = [];

  readonly #decoder = new TextDecoder();
  readonly #arrivals: [number, number][] = [];

  constructor(channel: Channel, signal: AbortSignal, now: () => number = () => performance.now()) {
    super(now);
    this.connect(channel, signal);
  }

  /** The stream of the axon at a place. */
  stream(place: number): AxonStream {
    while (this.streams.length <= place) {
      const lane = this.store.lane(this.streams.length);
      this.streams.push(new AxonStream(lane, this.store));
    }
    return this.streams[place]!;
  }

  /** Whether events of several axons are here, or may come. */
  get several(): boolean {
    return this.store.lanes.length > this.store.epochs.length;
  }

  /** What the axons are called together. */
  get title(): string {
    const { store } = this;
    const only = store.lanes.at(-1);
    if (this.several) return `${this.streams.length} axons`;
    return (only && only.axon > 0 && store.axonName(only.axon)) || "events";
  }

  /** First position of a lane that is expected; of an old one, nothing is missing before its first. */
  startOf(lane: Lane): number {
    const isOld = lane.epoch < this.store.epochs.length - 1;
    return isOld ? Number.MAX_SAFE_INTEGER : this.stream(lane.place).start;
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
    const total: Counts = { total: this.#oldEvents, lost: 0, notKept: 0, recovering: 0 };
    for (const stream of this.streams) {
      const counts = this.countsOf(stream);
      total.total += counts.total;
      total.lost += counts.lost;
      total.notKept += counts.notKept;
      total.recovering += counts.recovering;
    }
    return total;
  }

  /** In a snapshot nothing is missing: it holds what was saved. */
  countsOf(stream: AxonStream): Counts {
    if (this.snapshotTaken === null) return stream.counts;
    return { total: stream.lane.size, lost: stream.stat?.lost ?? 0, notKept: 0, recovering: 0 };
  }

  get #oldEvents(): number {
    return this.streams.reduce((left, { lane }) => left - lane.size, this.store.size);
  }

  /** The server could not deliver the event at a position. */
  isLost(position: number): boolean {
    return this.#streamAt(position)?.isLost(position) ?? false;
  }

  /** The kernel has the event at a position and will send it. */
  isRecoverable(position: number): boolean {
    return this.#streamAt(position)?.isRecoverable(position) ?? false;
  }

  #streamAt(position: number): AxonStream | null {
    const lane = this.store.laneAt(position);
    return lane && !this.store.isOld(position) ? this.stream(lane.place) : null;
  }

  // ---- annotations ------------------------------------------------------------------------------

  /** Whether a judgement can be published: there is a kernel that listens. */
  get canAnnotate(): boolean {
    const { facts } = this;
    return facts.answered && !facts.gone && facts.bye === null && facts.snapshot === null;
  }

  /** What was judged of the events from one position to another, as of the event at `limit`. */
  annotationsOf(from: number, to: number, limit: number): readonly EventAnnotation[] {
    const { store } = this;
    const opens = (call: string, by: number) =>
      store.pairNamed(`tool ${call}`, store.laneAt(by) ?? store.lane())?.open ?? -1;
    return this.annotations.within(from, to, limit, opens);
  }

  /** Ask the kernel to publish a judgement on the event at a position. */
  annotate(position: number, made: { label: string; note: string; score: number | null }): void {
    const { lane, sequence } = this.#identity(position);
    this.conn.command("annotate", JSON.stringify({ axon: lane, target: sequence, ...made }));
  }

  /** Take back the annotation whose own event is at a position. */
  retract(position: number): void {
    const { lane, sequence } = this.#identity(position);
    this.conn.command("annotate", JSON.stringify({ axon: lane, retracts: sequence }));
  }

  #identity(position: number): { lane: number; sequence: number } {
    const lane = this.store.laneAt(position)?.place ?? 0;
    return { lane, sequence: this.store.sequence(position) };
  }

  // ---- Receiver ---------------------------------------------------------------------------------

  epoch(_epoch: string, previous: string): void {
    const isNew = previous !== "" || this.store.size > 0;
    if (isNew || this.store.epochs.length === 0)
      this.store.beginEpoch(isNew ? "the stream began anew" : "");
    this.begin();
    this.streams = [];
    this.reordered++;
  }

  protected receive(message: KernelMessage, bytes: Uint8Array): void {
    if (message.kind === "ev" || message.kind === "snap") this.#takeEvents(bytes, message.parts);
    if (message.kind === "snap")
      for (const [axon, from, to] of message.missing) this.stream(axon).declare([from, to]);
    if (message.kind === "stat") this.#takeStat(message);
  }

  holes(): Hole[] {
    if (this.isOver) return [];
    return this.streams.map((stream, place) => ({
      stream: String(place),
      ranges: stream.holes(),
    }));
  }

  // ---- other sources ----------------------------------------------------------------------------

  /** Show what was saved with the notebook. */
  load(snapshot: Snapshot): void {
    if (this.conn.answered) return;
    this.store.beginEpoch("");
    this.#takeStreams(snapshot.axons);
    for (const [index, record] of snapshot.events.entries()) {
      const place = snapshot.axons.findIndex(({ id }) => id === record.axon_id);
      this.#add([record], snapshot.kinds[index] ?? "", Math.max(0, place));
    }
    this.showSnapshot(snapshot, statOf(snapshot));
  }

  #takeEvents(bytes: Uint8Array, parts: readonly EventsPart[]): void {
    if (bytes.byteLength === 0) return;
    const records = JSON.parse(this.#decoder.decode(bytes)) as EventRecord[];
    let from = 0;
    let added = 0;
    for (const { axon, count, kinds } of parts) {
      added += this.#add(records.slice(from, from + count), kinds, axon);
      from += count;
    }
    this.#arrivals.push([this.now(), added]);
    if (this.store.chars > this.maxChars && this.store.evict(this.maxChars * 0.95) > 0)
      this.reordered++;
  }

  #add(records: readonly EventRecord[], kinds: string, place: number): number {
    const { store } = this;
    const { lane } = this.stream(place);
    let added = 0;
    const tail = lane.newest;
    for (const [index, record] of records.entries()) {
      if (typeof record.payload !== "string") {
        record.payload = record.payload === undefined ? "" : JSON.stringify(record.payload);
      }
      if (!store.add(record, kindAt(kinds, index), lane)) continue;
      if (record.event_type === ANNOTATION)
        this.annotations.take(record, (sequence) => lane.position(sequence));
      added++;
      this.histogram.add(
        record.timestamp_ms,
        store.looks[store.types.find(record.event_type)]?.hue ?? 8,
      );
    }
    const first = records[0];
    if (first && added > 0 && lane.position(first.sequence) < tail) this.reordered++;
    return added;
  }

  #takeStat(stat: StatMessage): void {
    this.keepStat(stat);
    this.#takeStreams(stat.axons);
  }

  #takeStreams(axons: StatMessage["axons"]): void {
    for (const [place, stat] of axons.entries()) {
      const stream = this.stream(place);
      stream.take(stat);
      for (const mark of stat.marks)
        this.marks.set(stream.lane.position(mark.sequence), mark.label);
    }
  }
}

function statOf(snapshot: Snapshot): StatMessage {
  return {
    kind: "stat",
    epoch: "",
    batch: 0,
    sent_ms: snapshot.taken_ms,
    state: snapshot.state,
    axons: snapshot.axons,
    bytes: 0,
    max_bytes: 0,
  };
}
