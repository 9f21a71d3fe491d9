import { describe, expect, test } from "vitest";
import { type FollowInput, type FollowState, follow } from "../../src/ui/follow.ts";

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
