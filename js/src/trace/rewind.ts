// The entries of a trace as of any event: what only later events say is left out.

import { Trace } from "./fold.ts";
import type { Block, Entry, Record } from "./model.ts";

/** Goes forth and back through records; a step forth costs what it passes, one back begins anew. */
export class Rewind {
  #trace = new Trace();
  /** Records before this index are in the trace, or later than its event. */
  #next = 0;
  #asOf = 0;

  /** `now` is the trace of all records: its Markdown is shown as far as the text had come. */
  moveTo(asOf: number, records: readonly Record[], now: Trace): Trace {
    if (asOf < this.#asOf || this.#next > records.length) {
      this.#trace = new Trace();
      this.#next = 0;
    }
    this.#asOf = asOf;
    const changed = new Set<Entry>();
    for (; this.#next < records.length; this.#next++) {
      const record = records[this.#next];
      if (!record || !("revision" in record)) continue;
      if (record.sequence > asOf) break;
      const entry = this.#trace.apply(record);
      if (entry) changed.add(entry);
    }
    for (const entry of changed) entry.blocks = shown(entry, now);
    return this.#trace;
  }
}

/** Blocks that lie in the text of then; the rest of it is shown as it was written. */
function shown(entry: Entry, now: Trace): Block[] {
  const latest = now.entries[entry.id - 1];
  if (!latest?.text.startsWith(entry.text)) return [];
  return latest.blocks.filter(({ end }) => end <= entry.text.length);
}
