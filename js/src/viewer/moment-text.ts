// What is written to go to a moment: 120, 10:02:31, 2026-11-22T10:02, +90 or +1:30 (since the first
// event), live.

import { dateValue, timeOfDay } from "../filter/filter.ts";

export type Target = { sequence: number } | { time: number } | "live";

const DAY_MS = 86_400_000;

/** null if it is none of these. Times without a zone are on a clock `zoneMs` behind UTC. */
export function readTarget(text: string, firstMs: number, zoneMs: number): Target | null {
  const value = text.trim();
  if (value === "" || value.toLowerCase() === "live") return "live";
  if (/^#?\d{1,15}$/.test(value)) return { sequence: Number(value.replace("#", "")) };
  if (value.startsWith("+")) {
    const elapsed = elapsedMs(value.slice(1));
    return elapsed === null ? null : { time: firstMs + elapsed };
  }
  const ofDay = timeOfDay(value);
  if (ofDay === null) {
    const time = dateValue(value, zoneMs);
    return time === null ? null : { time };
  }
  // The first such time that is not before the first event's.
  const midnight = Math.floor((firstMs - zoneMs) / DAY_MS) * DAY_MS + zoneMs;
  const time = midnight + ofDay;
  return { time: time < Math.floor(firstMs / 1000) * 1000 ? time + DAY_MS : time };
}

/** 90, 4.187, 1:30, 1:02:03. */
function elapsedMs(text: string): number | null {
  if (!/^(?:\d+:){0,2}\d+(?:\.\d+)?$/.test(text)) return null;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
}
