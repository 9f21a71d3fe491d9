// Events as files: JSON lines and CSV, in parts so that a million of them make no giant string.

import { type Json, parseJson, writeJson } from "../base/json.ts";
import type { EventAt, Store } from "../events/event-store.ts";
import { download } from "../ui/dom.ts";

const PART = 2000;
const COLUMNS = ["sequence", "timestamp", "origin", "source", "event_type", "payload"] as const;
/** Before the others, where there are several axons. */
const AXON_COLUMNS = ["axon", "axon_name"] as const;

/** One event as one line of JSON, a payload that is JSON as JSON. */
export function jsonLine(event: EventAt): string {
  const payload = parseJson(event.payload) ?? event.payload;
  const record: Json = {
    sequence: event.sequence,
    axon_id: event.axon_id,
    timestamp_ms: event.timestamp_ms,
    origin: event.origin,
    source: event.source,
    event_type: event.event_type,
    payload,
  };
  return writeJson(record);
}

/** A cell that no spreadsheet takes for a formula. */
export function csvCell(text: string): string {
  const safe = /^[\s]*[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvLine(event: EventAt): string {
  const values: Record<(typeof COLUMNS)[number], string> = {
    sequence: String(event.sequence),
    timestamp: new Date(event.timestamp_ms).toISOString(),
    origin: event.origin,
    source: event.source,
    event_type: event.event_type,
    payload: event.payload,
  };
  return COLUMNS.map((column) => csvCell(values[column])).join(",");
}

export function* jsonl(store: Store, positions: Iterable<number>): Generator<string> {
  yield* joined(store, positions, jsonLine);
}

export function* csv(store: Store, positions: Iterable<number>): Generator<string> {
  const several = store.lanes.length > store.epochs.length;
  const columns = [...(several ? AXON_COLUMNS : []), ...COLUMNS];
  const own = ({ axon, axon_id }: EventAt) =>
    several ? `${csvCell(axon_id)},${csvCell(store.axonNames[axon] ?? "")},` : "";
  yield `${columns.join(",")}\r\n`;
  yield* joined(store, positions, (event) => own(event) + csvLine(event), "\r\n");
}

function* joined(
  store: Store,
  positions: Iterable<number>,
  write: (event: EventAt) => string,
  end = "\n",
): Generator<string> {
  let lines: string[] = [];
  for (const position of positions) {
    const event = store.get(position);
    if (!event) continue;
    lines.push(write(event));
    if (lines.length < PART) continue;
    yield lines.join(end) + end;
    lines = [];
  }
  if (lines.length > 0) yield lines.join(end) + end;
}

/** Hand a file of these events to the user; `title` becomes its name. */
export function saveEvents(
  store: Store,
  positions: Iterable<number>,
  format: "jsonl" | "csv",
  title: string,
  near: HTMLElement,
): void {
  const name = title.replace(/[^\w.-]+/g, "_").slice(0, 60);
  const [type, write] =
    format === "csv" ? (["text/csv", csv] as const) : (["application/x-ndjson", jsonl] as const);
  download(`${name}.${format}`, type, [...write(store, positions)], near);
}
