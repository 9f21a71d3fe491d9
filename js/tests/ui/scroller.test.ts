import { afterEach, expect, test, vi } from "vitest";
import type { FollowInput } from "../../src/ui/follow.ts";
import { Scroller } from "../../src/ui/scroller.ts";

// The scroller of a pane of ten rows; only its spacer needs a document.
function scene() {
  const page = Object.assign(new EventTarget(), {
    createElement: () => ({ style: {}, setAttribute() {}, append() {} }),
  });
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", page);
  const element = Object.assign(new EventTarget(), { scrollTop: 0, clientHeight: 200 });
  const fed: FollowInput[] = [];
  const follower = {
    on: false,
    feed: (input: FollowInput) => fed.push(input),
  };
  const view = { signal: new AbortController().signal, invalidate() {} };
  const scroller = new Scroller(element as unknown as HTMLElement, follower, view);
  scroller.map.rowHeight = 20;
  scroller.map.view = 200;
  const rows = (count: number) => {
    scroller.map.rows = count;
    scroller.sync();
  };
  const distance = () =>
    fed.map((input) => (input.type === "scrolled" ? input.distance : null)).at(-1);
  return { scroller, rows, distance };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("who moves down to where the end was a moment ago has arrived", () => {
  const { scroller, rows, distance } = scene();
  rows(20);
  scroller.map.moveTo(100);
  rows(400);
  scroller.scrollBy(100);

  expect(distance()).toBe(0);
});

test("who moves down at the top of a list that has just come has not", () => {
  const { scroller, rows, distance } = scene();
  rows(0);
  rows(400);
  scroller.scrollBy(180);

  expect(distance()).toBe(400 * 20 - 200 - 180);
});
