import { describe, expect, test } from "vitest";
import { Histogram, HUES } from "../../src/events/histogram.ts";

describe("histogram", () => {
  test("bars hold every event of their time once", () => {
    const histogram = new Histogram();
    for (let i = 0; i < 1000; i++) histogram.add(10_000 + i * 10, i % HUES);
    const { bars } = histogram.bars(10_000, 20_000, 20);

    expect(bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(1000);
    expect(bars.length).toBeLessThanOrEqual(21);
    expect(bars[0]!.counts.reduce((a, b) => a + b)).toBe(bars[0]!.total);
  });

  test("a long stream makes the slices longer, not the memory larger, and loses nothing", () => {
    const histogram = new Histogram();
    for (let i = 0; i < 20_000; i++) histogram.add(i * 1000, 0);
    const [from, to] = histogram.extent!;

    expect(histogram.sliceMs).toBeGreaterThan(1000);
    expect(histogram.bars(from, to, 100).bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(
      20_000,
    );
    expect(histogram.count(from, to)).toBe(20_000);
  });
});
