// A JSON value in one short line.

import { ExactNumber, type Json } from "./json.ts";

const LIMIT = 400;

/** A JSON value on one line, without the quotes around keys, cut to what a row can show. */
export function preview(value: Json, room = LIMIT): string {
  if (value === null || typeof value === "boolean" || typeof value === "number")
    return String(value);
  if (value instanceof ExactNumber) return value.digits;
  if (typeof value === "string") return value.length > room ? `${value.slice(0, room)}…` : value;
  let left = room;
  const parts: string[] = [];
  const entries = Array.isArray(value)
    ? value.map((item) => ["", item] as const)
    : Object.entries(value);
  for (const [key, item] of entries) {
    if (left <= 0) {
      parts.push("…");
      break;
    }
    const shown = nested(item, Math.min(left, 120));
    const part = key ? `${key}: ${shown}` : shown;
    parts.push(part);
    left -= part.length + 2;
  }
  const inside = parts.join(Array.isArray(value) ? ", " : "  ");
  return Array.isArray(value) ? `[${inside}]` : inside || "{}";
}

export function nested(value: Json, room: number): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > room ? `${value.slice(0, room)}…` : value);
  const shown = preview(value, room);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && !(value instanceof ExactNumber) && shown !== "{}" ? `{${shown}}` : shown;
}
