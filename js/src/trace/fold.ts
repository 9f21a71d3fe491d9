// Records folded into entries.

import type { BlocksRecord, Entry, Record, Revision } from "./model.ts";

/** Kinds whose end is told by their state; the others end with their newest revision. */
const ENDS_BY_STATE = new Set(["turn", "tool", "question"]);

/** The entries of a trace; the same records in the same order give the same entries. */
export class Trace {
  /** In order of first appearance; the index is id − 1. A kernel that let go of some leaves holes. */
  readonly entries: (Entry | undefined)[] = [];
  /** Grows when an entry belongs to another turn or tool call than before. */
  structure = 0;
  /** Turn id → number of changes in it. */
  readonly changes = new Map<string, number>();
  /** The event of the newest revision. */
  sequence = 0;
  /** Its time, ms. */
  time = 0;

  /** Apply a record; return the entry that it changed. */
  apply(record: Record): Entry | null {
    if (!record) return null;
    return "blocks" in record ? this.#blocks(record) : this.#revision(record);
  }

  /** An entry as a whole, in place of the revisions that made it. */
  put(entry: Entry): void {
    this.entries[entry.id - 1] = entry;
    this.sequence = Math.max(this.sequence, entry.last_sequence);
  }

  #blocks({ entry: id, from, blocks }: BlocksRecord): Entry | null {
    const entry = this.entries[id - 1];
    if (!entry) return null;
    entry.blocks = [...entry.blocks.slice(0, from), ...blocks];
    this.#changed(entry);
    return entry;
  }

  #revision(record: Revision): Entry | null {
    const { state, append } = record;
    let entry = this.entries[record.entry - 1];
    if (!entry) {
      // Of an entry that the kernel let go there may be later revisions.
      if (record.revision !== 1 || !state) return null;
      entry = begun(record, state.kind);
      this.entries[record.entry - 1] = entry;
    } else if (state && ("turn_id" in state || "parent_id" in state)) this.structure++;
    this.sequence = Math.max(this.sequence, record.sequence);
    this.time = Math.max(this.time, record.at_ms ?? 0);
    touch(entry, record);
    if (append !== undefined) entry.text += append;
    if (state) Object.assign(entry, state);
    this.#changed(entry);
    return entry;
  }

  #changed(entry: Entry): void {
    entry.changes++;
    this.changes.set(entry.turn_id, (this.changes.get(entry.turn_id) ?? 0) + 1);
  }
}

/** An entry with its defaults. */
export function whole(entry: { id: number }): Entry {
  return { ...begun({ entry: entry.id, revision: 0, sequence: 0 }), ...entry };
}

function begun({ entry, sequence, at_ms = 0 }: Revision, kind: Entry["kind"] = "notice"): Entry {
  return {
    id: entry,
    kind,
    turn_id: "",
    parent_id: "",
    session: "",
    title: "",
    status: "",
    parts: [],
    revision: 0,
    first_sequence: sequence,
    last_sequence: sequence,
    started_ms: at_ms,
    ended_ms: null,
    ranges: [],
    text: "",
    blocks: [],
    changes: 0,
  } as Entry;
}

function touch(entry: Entry, { revision, sequence, at_ms = 0 }: Revision): void {
  entry.revision = revision;
  if (!ENDS_BY_STATE.has(entry.kind)) entry.ended_ms = at_ms;
  const { ranges } = entry;
  const last = ranges.at(-1);
  if (last === undefined || sequence > last + 1) ranges.push(sequence, sequence);
  else if (sequence > last) ranges[ranges.length - 1] = sequence;
  entry.last_sequence = Math.max(entry.last_sequence, sequence);
}
