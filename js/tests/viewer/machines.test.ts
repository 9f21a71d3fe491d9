import { describe, expect, test } from "vitest";
import { type FollowInput, type FollowState, follow } from "../../src/follow.ts";
import { MAX_PX, ScrollMap } from "../../src/scroll.ts";
import { csvCell, csvLine, jsonLine } from "../../src/viewer/export.ts";
import { Histogram, HUES } from "../../src/viewer/histogram.ts";
import { Selection } from "../../src/viewer/selection.ts";
import { event, storeOf } from "./make.ts";

function fed(start: FollowState, ...inputs: FollowInput[]): FollowState {
  return inputs.reduce(follow, start);
}

const scrolled = (distance: number, byUser = true, height = 400): FollowInput => ({
  type: "scrolled",
  distance,
  height,
  byUser,
});

describe("following", () => {
  // The race that other viewers lose: new rows arrive between the wheel and its scroll event.
  test("a movement up releases before the browser has scrolled", () => {
    expect(fed("following", { type: "up" })).toBe("released");
    expect(fed("following", { type: "up" }, scrolled(0, false))).toBe("released");
  });

  test("reaching the bottom takes it up again, being near does not", () => {
    expect(fed("released", scrolled(3))).toBe("following");
    expect(fed("released", scrolled(30))).toBe("released");
  });

  test("what the program scrolls, and a viewport without height, changes nothing", () => {
    expect(fed("following", scrolled(5000, false))).toBe("following");
    expect(fed("released", scrolled(0, false))).toBe("released");
    expect(fed("following", scrolled(5000, true, 0))).toBe("following");
  });

  test("opening a row holds it, End follows again", () => {
    expect(fed("following", { type: "hold" })).toBe("released");
    expect(fed("released", { type: "end" })).toBe("following");
  });
});

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

describe("selection", () => {
  test("a click selects one, Shift to there, Ctrl takes out and puts in", () => {
    const selection = new Selection();
    selection.only(5, 5);
    selection.extend(9, 12);

    expect(selection.ranges).toEqual([[5, 12]]);
    selection.toggle(7, 8);
    expect(selection.ranges).toEqual([
      [5, 6],
      [9, 12],
    ]);
    selection.toggle(20, 20);
    expect(selection.has(20)).toBe(true);
    expect(selection.has(7)).toBe(false);
  });
});

describe("export", () => {
  test.each([
    ["=1+1", "'=1+1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["-2+3", "'-2+3"],
    ["-12.5", "-12.5"],
    [" =x", "' =x"],
    ['say "hi", now', '"say ""hi"", now"'],
    ["two\nlines", '"two\nlines"'],
    ["plain", "plain"],
  ])("the cell %j is written as %j", (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });

  test("a payload that is JSON is exported as JSON, digits kept; another one as text", () => {
    const store = storeOf([
      event(1, { payload: '{"id":9007199254740993}' }),
      event(2, { payload: "plain" }),
    ]);

    expect(jsonLine(store.get(1)!)).toContain('"payload":{"id":9007199254740993}');
    expect(JSON.parse(jsonLine(store.get(2)!)).payload).toBe("plain");
    expect(csvLine(store.get(2)!)).toBe(
      "2,2023-11-14T22:13:20.020Z,USER_EVENT,notebook,note,plain",
    );
  });
});
