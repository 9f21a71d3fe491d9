// Lines as plain text, for saving: what is seen, without colours.

import type { Rows } from "./log-rows.ts";
import type { LogStore } from "./output-store.ts";

const PART_LINES = 5000;
const WHOLE_LINE = 1 << 30;

/** The shown rows as text, in parts that the browser joins. */
export function textOf(store: LogStore, rows: Rows): string[] {
  const parts: string[] = [];
  for (let from = 0; from < rows.count; from += PART_LINES) {
    const to = Math.min(rows.count, from + PART_LINES);
    const lines: string[] = [];
    for (let index = from; index < to; index++)
      lines.push(store.line(rows.rowAt(index), WHOLE_LINE).text);
    parts.push(`${lines.join("\n")}\n`);
  }
  return parts;
}
