// Judgements on events, as events of the type `annotation` say; the payload's fields are those of
// axon_notebook/agents/annotations.py.

import type { EventRecord } from "../kernel/protocol.ts";

export interface EventAnnotation {
  name: string;
  label: string;
  note: string;
  score: number | null;
  annotator: string;
  /** Of the annotation's own event. */
  sequence: number;
  position: number;
}

export const ANNOTATION = "annotation";

export class EventAnnotations {
  /** Grows with every change. */
  changes = 0;
  readonly #byPosition = new Map<number, EventAnnotation[]>();
  readonly #byCall = new Map<string, EventAnnotation[]>();
  /** Positions of annotations, and of the events that took them back. */
  readonly #retracted = new Map<number, number>();

  /** Read an event of the type; `position` tells where an event with a sequence stands. */
  take(record: EventRecord, position: (sequence: number) => number): void {
    const fields = record.origin === "SYSTEM_EVENT" ? null : objectOf(record.payload);
    if (!fields || !isValid(fields)) return;
    this.changes++;
    const one = made(fields, record, position(record.sequence));
    const { target_sequence: target, call_id: call, retracts } = fields;
    if (typeof retracts === "number")
      this.#retracted.set(position(retracts), position(record.sequence));
    else if (typeof call === "string") put(this.#byCall, call, one);
    else if (typeof target === "number") put(this.#byPosition, position(target), one);
  }

  /**
   * What was judged of the events from `from` to `to`, as of the event at `limit`; `opens` tells
   * where a call begins that the annotation at a position is about.
   */
  within(
    from: number,
    to: number,
    limit: number,
    opens: (call: string, by: number) => number,
  ): readonly EventAnnotation[] {
    if (this.changes === 0) return NONE;
    const found: EventAnnotation[] = [];
    if (from === to) found.push(...(this.#byPosition.get(from) ?? NONE));
    else
      for (const [position, ones] of this.#byPosition)
        if (position >= from && position <= to) found.push(...ones);
    for (const [call, ones] of this.#byCall) {
      for (const one of ones) {
        const position = opens(call, one.position);
        if (position >= from && position <= to) found.push(one);
      }
    }
    return found.filter(({ position }) => {
      const retracted = this.#retracted.get(position);
      return position <= limit && (retracted === undefined || retracted > limit);
    });
  }
}

const NONE: readonly EventAnnotation[] = [];

function put<K>(map: Map<K, EventAnnotation[]>, key: K, one: EventAnnotation): void {
  const known = map.get(key);
  if (known) known.push(one);
  else map.set(key, [one]);
}

function objectOf(payload: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // not one of ours
  }
}

/** As strict as the kernel, which reads all of it or nothing. */
function isValid({ name, label, explanation, score }: Record<string, unknown>): boolean {
  const texts = [name ?? "", label ?? "", explanation ?? ""];
  return texts.every((text) => typeof text === "string") && typeof (score ?? 0) === "number";
}

function made(
  fields: Record<string, unknown>,
  record: EventRecord,
  position: number,
): EventAnnotation {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return {
    name: text(fields.name),
    label: text(fields.label),
    note: text(fields.explanation),
    score: typeof fields.score === "number" ? fields.score : null,
    annotator: record.source,
    sequence: record.sequence,
    position,
  };
}
