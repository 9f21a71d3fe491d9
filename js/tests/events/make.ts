// Events and stores for the tests.

import { Store } from "../../src/events/event-store.ts";
import type { Lane } from "../../src/events/lane.ts";
import { compileFilter } from "../../src/filter/filter.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";
import { Rows, type RowsOptions } from "../../src/viewer/rows.ts";

export function event(sequence: number, changes: Partial<EventRecord> = {}): EventRecord {
  return {
    sequence,
    axon_id: "axn_1",
    timestamp_ms: 1_700_000_000_000 + sequence * 10,
    origin: "USER_EVENT",
    source: "notebook",
    event_type: "note",
    payload: JSON.stringify({ n: sequence }),
    ...changes,
  };
}

export function storeOf(events: Iterable<EventRecord>): Store {
  const store = new Store();
  store.beginEpoch("");
  for (const record of events) store.add(record);
  return store;
}

export function range(from: number, to: number): EventRecord[] {
  return Array.from({ length: to - from + 1 }, (_, i) => event(from + i));
}

interface Given {
  text?: string;
  /** The sequence that each stream begins with. */
  start?: number;
  marks?: ReadonlyMap<number, string>;
}

export function indexOf(store: Store, options: Partial<RowsOptions> & Given = {}): Rows {
  const { text = "", start = 1, marks = new Map(), ...rest } = options;
  const index = new Rows(store, {
    filter: compileFilter(text, store, 0),
    fold: true,
    limit: Number.POSITIVE_INFINITY,
    since: 0,
    time: null,
    unfolded: new Set(),
    ...rest,
  });
  const ALL = Number.MAX_SAFE_INTEGER;
  const current = store.epochs.length - 1;
  const startOf = (lane: Lane) => (lane.epoch === current ? lane.position(start) : ALL);
  index.setFrame(startOf, marks);
  index.update(Number.POSITIVE_INFINITY);
  return index;
}

/** Rows as short words: `5` an event, `5-8` a folded run, `5'` a piece, `|missing 5` a divider. */
export function words(index: Rows, store: Store): string[] {
  const names = new Map([
    [-1, "|pause"],
    [-2, "|missing"],
    [-3, "|mark"],
    [-4, "|epoch"],
  ]);
  return Array.from({ length: index.length }, (_, i) => {
    const row = index.row(i)!;
    const first = store.sequence(row.position);
    if (row.divider) return `${names.get(row.divider)} ${first}`;
    if (row.child) return `${first}'`;
    return row.count > 1 ? `${first}-${store.sequence(row.last)}` : String(first);
  });
}

/** A piece of streamed text, as the Agent Client Protocol sends it. */
export function piece(
  sequence: number,
  text: string,
  kind = "agent_message_chunk",
  session = "s",
): EventRecord {
  const update = { sessionUpdate: kind, content: { type: "text", text } };
  return event(sequence, {
    event_type: "session/update",
    payload: JSON.stringify({ sessionId: session, update }),
  });
}

export function tool(sequence: number, id: string, status: string, title?: string): EventRecord {
  const kind = title ? "tool_call" : "tool_call_update";
  const update = { sessionUpdate: kind, toolCallId: id, status, ...(title ? { title } : {}) };
  return event(sequence, {
    event_type: "session/update",
    payload: JSON.stringify({ sessionId: "s", update }),
  });
}
