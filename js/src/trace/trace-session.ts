// A trace in the page: its records, the entries they make, what is missing and asked for.

import { type Json, parseJson } from "../base/json.ts";
import type { Channel, Hole } from "../kernel/connection.ts";
import { type KernelFacts, KernelSession } from "../kernel/kernel-facts.ts";
import type {
  ChatSnapshot,
  ChatStatMessage,
  EventRecord,
  KernelMessage,
  Range,
} from "../kernel/protocol.ts";
import { Trace, whole } from "./fold.ts";
import type { Entry, Record } from "./model.ts";
import { Rewind } from "./rewind.ts";

const HOLES_AT_ONCE = 8;
/** A number that JavaScript may not hold: its digits are kept where a value is shown. */
const LONG_NUMBER = /\d{16}/;

export interface TraceFacts extends KernelFacts {
  stat: ChatStatMessage | null;
  size: number;
}

export class TraceSession extends KernelSession<ChatStatMessage> {
  trace = new Trace();
  /** Record n is at n − 1; what has not come is undefined. */
  readonly records: (Record | undefined)[] = [];

  readonly #rewind = new Rewind();
  readonly #decoder = new TextDecoder();
  /** Records that are folded into `trace`; the ones before may be missing after `entries`. */
  #folded = 0;
  /** `trace` holds whole entries, without the records that made them. */
  #isPartial = false;
  readonly #waiting = new Map<string, (events: EventRecord[]) => void>();
  #commands = 0;

  constructor(channel: Channel, signal: AbortSignal, now: () => number = () => performance.now()) {
    super(now);
    this.connect(channel, signal);
  }

  get facts(): TraceFacts {
    return { ...this.kernelFacts, stat: this.stat, size: this.trace.entries.length };
  }

  /** The entries as of an event; `null` while records are missing. */
  asOf(sequence: number): Trace | null {
    if (this.#isPartial || this.#folded < this.records.length) return null;
    return this.#rewind.moveTo(sequence, this.records as Record[], this.trace);
  }

  /** Ask the kernel to do something; return the command's id. */
  command(name: Parameters<typeof this.conn.command>[0], value: object): string {
    const id = `${this.conn.page}-${++this.#commands}`;
    this.conn.command(name, JSON.stringify({ id, ...value }));
    return id;
  }

  /** Events as they were published; `taken` is called once they are here. */
  events(ranges: readonly Range[], taken: (events: EventRecord[]) => void): void {
    this.#waiting.set(this.command("raw", { ranges }), taken);
  }

  // ---- Receiver ---------------------------------------------------------------------------------

  epoch(): void {
    this.begin();
    this.records.length = 0;
    this.#restart();
  }

  protected receive(message: KernelMessage, bytes: Uint8Array): void {
    if (message.kind === "rev") this.#takeRecords(message.first, this.#json(bytes) as Record[]);
    if (message.kind === "entries") this.#takeEntries(message.number, this.#json(bytes) as Entry[]);
    if (message.kind === "chatstat") this.keepStat(message);
    if (message.kind === "raw") {
      this.#waiting.get(message.id)?.(JSON.parse(this.#decoder.decode(bytes)) as EventRecord[]);
      this.#waiting.delete(message.id);
    }
  }

  holes(): Hole[] {
    if (this.isOver) return [];
    const ranges: Range[] = [];
    const last = Math.max(this.records.length, this.stat?.pushed ?? 0);
    for (let n = 0; n < last && ranges.length < HOLES_AT_ONCE; n++) {
      if (this.records[n] !== undefined) {
        if (n < this.#folded && !this.#isPartial) n = this.#folded - 1;
        continue;
      }
      const first = n + 1;
      while (n + 1 < last && this.records[n + 1] === undefined) n++;
      ranges.push([first, n + 1]);
    }
    return [{ stream: "", ranges: ranges.reverse() }];
  }

  /** Show what was saved with the notebook. */
  load(snapshot: ChatSnapshot): void {
    if (this.conn.answered) return;
    this.#isPartial = true;
    for (const entry of snapshot.entries) this.trace.put(whole(entry as Entry));
    this.showSnapshot(snapshot, {
      kind: "chatstat",
      epoch: "",
      batch: 0,
      sent_ms: snapshot.taken_ms,
      state: snapshot.state,
      pushed: 0,
      dropped: snapshot.dropped,
      read_only: true,
      refusals: [],
    });
  }

  #takeRecords(first: number, records: Record[]): void {
    records.forEach((record, at) => {
      this.records[first - 1 + at] ??= record;
    });
    if (this.#isPartial && !this.records.includes(undefined)) this.#restart();
    while (this.#folded < this.records.length) {
      const record = this.records[this.#folded];
      if (record === undefined) break;
      this.trace.apply(record);
      this.#folded++;
    }
  }

  /** Shown until all records are here. */
  #takeEntries(number: number, entries: Entry[]): void {
    if (this.#folded >= number) return;
    this.trace = new Trace();
    for (const entry of entries) this.trace.put(whole(entry));
    this.#isPartial = true;
    this.#folded = number;
    this.records.length = Math.max(this.records.length, number);
  }

  #restart(): void {
    this.trace = new Trace();
    this.#folded = 0;
    this.#isPartial = false;
  }

  #json(bytes: Uint8Array): unknown {
    const text = this.#decoder.decode(bytes);
    const items = JSON.parse(text) as unknown[];
    if (LONG_NUMBER.test(text)) keepDigits(items, parseJson(text) as Json[]);
    return items;
  }
}

/** Take the values that are shown as JSON from `exact`, where numbers kept their digits. */
function keepDigits(items: unknown[], exact: readonly Json[]): void {
  items.forEach((item, at) => {
    const fields = shownFields(item);
    const kept = shownFields(exact[at]);
    if (!fields || !kept) return;
    for (const name of ["input", "raw_output"]) if (name in fields) fields[name] = kept[name];
  });
}

function shownFields(item: unknown): { [name: string]: unknown } | undefined {
  const fields = (item as { state?: object } | null)?.state ?? item;
  return (fields ?? undefined) as { [name: string]: unknown } | undefined;
}
