import { describe, expect, test } from "vitest";
import { MAX_PX, ScrollMap } from "../../src/ui/scroll-map.ts";

describe("scroll map", () => {
  function map(rows: number): ScrollMap {
    const scroll = new ScrollMap();
    scroll.rows = rows;
    scroll.view = 480;
    return scroll;
  }

  test("up to its limit the scroll bar is the truth", () => {
    const scroll = map(1000);
    scroll.fromPhysical(2400);

    expect(scroll.mapped).toBe(false);
    expect(scroll.window()).toEqual([100, 120]);
    expect(scroll.physical).toBe(2400);
  });

  test("a million rows fit: both ends and the middle are reached", () => {
    const scroll = map(1_000_000);
    const range = scroll.height - scroll.view;

    expect(scroll.height).toBe(MAX_PX);
    scroll.fromPhysical(0);
    expect(scroll.window()[0]).toBe(0);
    scroll.fromPhysical(range);
    expect(scroll.window()[1]).toBe(1_000_000);
    scroll.fromPhysical(range / 2);
    expect(Math.abs(scroll.window()[0] - 500_000)).toBeLessThan(20);
  });

  test("in a mapped list one row down is one row, not a page", () => {
    const scroll = map(5_000_000);
    scroll.fromPhysical((scroll.height - scroll.view) / 3);
    const [first] = scroll.window();
    scroll.moveTo(scroll.top + scroll.rowHeight);

    expect(scroll.window()[0]).toBe(first + 1);
  });

  test("revealing moves as little as possible, centring puts into the middle", () => {
    const scroll = map(1000);
    scroll.reveal(10);
    expect(scroll.top).toBe(0);
    scroll.reveal(20);
    expect(scroll.top).toBe(24);
    scroll.center(500);
    expect(scroll.top).toBe(500.5 * 24 - 240);
  });

  test("a list shorter than the view does not scroll", () => {
    const scroll = map(3);
    scroll.moveTo(100);

    expect(scroll.top).toBe(0);
    expect(scroll.window()).toEqual([0, 3]);
  });
});
