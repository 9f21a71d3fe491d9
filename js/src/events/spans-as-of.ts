// The spans of a timeline as they were after an event.

import type { Span, Spans } from "./spans.ts";

/** The same spans now, or as of a sequence; what a timeline draws. */
export class SpansAsOf {
  /** null for now. */
  sequence: number | null = null;
  #made: ReadonlyMap<number, Span> = new Map();
  #madeOf = "";

  constructor(private readonly spans: Spans) {}

  /** Differs whenever the spans do. */
  get version(): string {
    return `${this.spans.version} ${this.sequence}`;
  }

  get byId(): ReadonlyMap<number, Span> {
    const { sequence, spans, version } = this;
    if (sequence === null) return spans.byId;
    if (this.#madeOf !== version) this.#made = spansAsOf(spans.byId.values(), sequence);
    this.#madeOf = version;
    return this.#made;
  }
}

export function spansAsOf(spans: Iterable<Span>, sequence: number): Map<number, Span> {
  const found = new Map<number, Span>();
  for (const span of spans)
    if (span.first <= sequence) found.set(span.id, spanAsOf(span, sequence));
  return found;
}

function spanAsOf(span: Span, sequence: number): Span {
  if (span.last <= sequence && (span.was?.at(-1)?.[1] ?? 0) <= sequence) return span;
  const then = { ...span };
  const was = span.was ?? [];
  for (let at = was.length - 1; at >= 0 && was[at]![1] > sequence; at--) assign(then, was[at]![2]);
  then.was = was.filter(([, of]) => of <= sequence);
  if (then.was.length === 0) delete then.was;
  const ranges = (span.ranges ?? [span.first, span.last]).filter((from, at, all) =>
    // The ends of ranges that began are cut, those of later ones left out.
    at % 2 === 0 ? from <= sequence : all[at - 1]! <= sequence,
  );
  const cut = ranges.map((of) => Math.min(of, sequence));
  then.last = cut.at(-1) ?? span.first;
  if (cut.length > 2) then.ranges = cut;
  else delete then.ranges;
  return then;
}

/** Take earlier values; what was not known then is left out, as the kernel does. */
function assign(span: Span, earlier: Partial<Span>): void {
  Object.assign(span, earlier);
  for (const name of ["tokens", "cost", "currency", "error", "waits"] as const) {
    const value = span[name] ?? "";
    if (typeof value !== "number" && value.length === 0) delete span[name];
  }
}
