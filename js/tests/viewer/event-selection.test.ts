import { describe, expect, test } from "vitest";
import { Selection } from "../../src/viewer/event-selection.ts";

describe("selection", () => {
  test("a click selects one, Shift to there, Ctrl takes out and puts in", () => {
    const selection = new Selection();
    selection.only(5, 5);
    selection.extend(9, [[5, 12]]);

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
