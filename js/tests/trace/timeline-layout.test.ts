import { describe, expect, test } from "vitest";
import { type Span, Spans } from "../../src/events/spans.ts";
import { TimelineLayout } from "../../src/trace/timeline-layout.ts";

function span(id: number, parent: number, start: number, end: number | null): Span {
  const kind = parent === 0 ? "turn" : "tool";
  const common = { title: `span ${id}`, status: "completed", first: id * 10, last: id * 10 + 9 };
  return { id, parent, kind, start_ms: start, end_ms: end, ...common };
}

const lanes = (layout: TimelineLayout) =>
  layout.lanes.map((bars) => bars.map((bar) => bar.span.id));

describe("the lanes of a timeline", () => {
  test("calls stand below their turn, and what a subagent called below its call", () => {
    const spans = [span(1, 0, 0, 100), span(2, 1, 10, 90), span(3, 2, 20, 30), span(4, 3, 21, 22)];

    expect(lanes(new TimelineLayout(spans, 0))).toEqual([[1], [2], [3], [4]]);
  });

  test("what runs at the same time has lanes of its own, what follows shares one", () => {
    const spans = [span(1, 0, 0, 100), span(2, 1, 10, 50), span(3, 1, 20, 60), span(4, 1, 60, 70)];

    expect(lanes(new TimelineLayout(spans, 0))).toEqual([[1], [2, 4], [3]]);
  });

  test("an open span ends now", () => {
    const layout = new TimelineLayout([span(1, 0, 0, null)], 5000);

    expect(layout.byId.get(1)?.end).toBe(5000);
    expect(layout.to).toBe(5000);
  });

  test("a parent that is its own, or that never comes, ends nothing", () => {
    const odd = { ...span(2, 2, 0, 5), kind: "tool" as const };
    const layout = new TimelineLayout([odd, span(3, 99, 1, 2)], 0);

    expect(layout.byId.size).toBe(2);
  });

  test("an event is found in the innermost span that has it", () => {
    const turn = { ...span(1, 0, 0, 100), first: 1, last: 50 };
    const call = { ...span(2, 1, 10, 20), first: 5, last: 9 };
    const layout = new TimelineLayout([turn, call], 0);

    expect(layout.ofSequence(7)?.span.id).toBe(2);
    expect(layout.ofSequence(20)?.span.id).toBe(1);
    expect(layout.ofSequence(60)).toBeNull();
  });

  test("a hundred thousand spans are laid out", () => {
    const spans = Array.from({ length: 100_000 }, (_, i) => {
      const turn = i - (i % 100);
      return span(
        i + 1,
        i % 100 === 0 ? 0 : turn + 1,
        i * 10,
        (i % 100 === 0 ? i + 100 : i + 3) * 10,
      );
    });
    const layout = new TimelineLayout(spans, 0);

    expect(layout.byId.size).toBe(100_000);
    expect(layout.lanes.length).toBeLessThan(10);
  });
});

describe("spans in the page", () => {
  test("what was lost on the way is asked for, and what comes twice is no harm", () => {
    const spans = new Spans();
    spans.take(1, 3, [span(1, 0, 0, null)]);
    spans.take(7, 9, [span(1, 0, 0, 5)]);
    expect(spans.missing(12)).toEqual([
      [4, 6],
      [10, 12],
    ]);

    spans.take(4, 6, [span(2, 1, 1, 2)]);
    spans.take(7, 12, [span(1, 0, 0, 5)]);

    expect(spans.missing(12)).toEqual([]);
    expect(spans.byId.get(1)?.end_ms).toBe(5);
  });
});
