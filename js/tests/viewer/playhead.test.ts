import { describe, expect, test } from "vitest";
import { readTarget } from "../../src/viewer/moment-text.ts";
import { LONGEST_WAIT_MS, Playhead } from "../../src/viewer/playhead.ts";
import { event, range, storeOf } from "../events/make.ts";

/** Events at 0, 1, 1, 3 and 103 seconds; sequences have a hole. */
const TIMES = [0, 1000, 1000, 3000, 103_000];
const SEQUENCES = [1, 2, 3, 7, 8];

function headOf(): Playhead {
  return new Playhead(
    storeOf(TIMES.map((timestamp_ms, n) => event(SEQUENCES[n]!, { timestamp_ms }))),
  );
}

describe("a moment", () => {
  test("is live at first, and at the end of the slider", () => {
    const head = headOf();
    expect([head.position, head.rank, head.time]).toEqual([null, 5, 103_000]);
    head.moveToRank(4);
    expect([head.position, head.rank, head.time]).toEqual([7, 4, 3000]);
    head.moveToRank(5);
    expect(head.position).toBeNull();
  });

  test("can be before all events and where none is", () => {
    const head = headOf();
    head.moveToRank(0);
    expect([head.position, head.rank, head.time]).toEqual([-1, 0, null]);
    head.moveTo(5);
    expect([head.position, head.rank, head.time]).toEqual([5, 3, 1000]);
    head.moveTo(90);
    expect([head.position, head.rank]).toEqual([90, 5]);
  });

  test("is found by its time: the last event at or before it", () => {
    const head = headOf();
    for (const [time, position] of [
      [-1, -1],
      [0, 1],
      [1000, 3],
      [2999, 3],
      [3000, 7],
      [500_000, 8],
    ] as const) {
      head.moveToTime(time);
      expect(head.position).toBe(position);
    }
  });

  test("goes from turn to turn", () => {
    const head = headOf();
    const turns = [2, 7];
    head.stepAmong(turns, -1);
    expect(head.position).toBe(7);
    head.stepAmong(turns, -1);
    expect(head.position).toBe(2);
    head.stepAmong(turns, -1);
    expect(head.position).toBe(-1);
    head.stepAmong(turns, 1);
    head.stepAmong(turns, 1);
    head.stepAmong(turns, 1);
    expect(head.position).toBeNull();
  });
});

describe("playing", () => {
  test("shows events when they are due, and ends live", () => {
    const head = headOf();
    head.play();
    expect(head.position).toBe(1);
    expect(head.advance(999)).toBe(false);
    expect(head.advance(1)).toBe(true);
    expect(head.position).toBe(3);
    head.speed = 2;
    expect(head.advance(999)).toBe(false);
    expect(head.advance(1)).toBe(true);
    expect(head.position).toBe(7);
    expect(head.isPlaying).toBe(true);
    expect(head.advance(1_000_000)).toBe(true);
    expect([head.position, head.isPlaying]).toEqual([null, false]);
  });

  test("cuts a long silence short", () => {
    const head = headOf();
    head.moveTo(7);
    head.play();
    head.advance(0);
    expect(head.advance(LONGEST_WAIT_MS - 1)).toBe(false);
    expect(head.advance(1)).toBe(true);
    expect(head.position).toBeNull();
  });

  test("waits while it is paused, and goes on from there", () => {
    const head = headOf();
    head.play();
    head.pause();
    expect(head.advance(10_000)).toBe(false);
    head.play();
    head.advance(1000);
    expect(head.position).toBe(3);
  });

  test("of nothing does nothing", () => {
    const head = new Playhead(storeOf([]));
    head.play();
    head.step(-1);
    head.moveToTime(5);
    expect(head.advance(1000)).toBe(false);
    expect(head.isPlaying).toBe(false);
  });
});

test("events are found by their number, over chunks and holes", () => {
  const store = storeOf([...range(5, 9), ...range(20_000, 20_004), ...range(50_000, 50_001)]);
  const positions = [5, 6, 7, 8, 9, 20_000, 20_001, 20_002, 20_003, 20_004, 50_000, 50_001];

  expect(positions.map((_, rank) => store.atRank(rank))).toEqual(positions);
  expect(store.atRank(12)).toBe(-1);
  expect(positions.map((position) => store.nextFilled(position - 1))).toEqual(positions);
  expect(store.nextFilled(50_001)).toBe(-1);
  expect(store.lastFilled(49_999)).toBe(20_004);
  expect(store.lastFilled(4)).toBe(-1);
});

test.each([
  ["live", "live"],
  ["", "live"],
  ["120", { sequence: 120 }],
  ["#0", { sequence: 0 }],
  ["+90", { time: 36_000_000 + 90_000 }],
  ["+1:30.5", { time: 36_000_000 + 90_500 }],
  ["10:00:05", { time: 36_005_000 }],
  ["09:59", { time: 36_000_000 + 86_340_000 }],
  ["1970-01-01T10:02", { time: 36_120_000 }],
  ["10:61", null],
  ["+x", null],
  ["soon", null],
] as const)("%j is read", (text, target) => {
  expect(readTarget(text, 36_000_000, 0)).toEqual(target);
});
