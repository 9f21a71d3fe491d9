// What an event is about. The kernel decides it (axon_notebook/agents/kinds.py) and sends a code.

/** By code; the same words in the same order as in Python. */
export const KINDS = [
  "message",
  "thought",
  "tool",
  "plan",
  "question",
  "turn",
  "usage",
  "notice",
  "system",
  "other",
] as const;

export type EventKind = (typeof KINDS)[number];

/** Index into the palette, by kind. */
export const KIND_HUES: Readonly<Record<EventKind, number>> = {
  message: 1,
  thought: 7,
  tool: 3,
  plan: 5,
  question: 4,
  turn: 0,
  usage: 8,
  notice: 6,
  system: 8,
  other: 8,
};

/** The kind of the event at `index`; `codes` has a digit per event. */
export function kindAt(codes: string | undefined, index: number): EventKind {
  return KINDS[(codes?.charCodeAt(index) ?? Number.NaN) - 48] ?? "other";
}
