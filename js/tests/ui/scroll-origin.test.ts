import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GLIDE_MS, ScrollOrigin } from "../../src/ui/scroll-origin.ts";

// Events and their targets are Node's own; a scroller is a target with a scroll position.
function scene(scrollTop = 100) {
  const scroller = Object.assign(new EventTarget(), { scrollTop });
  const page = new EventTarget();
  const ended = new AbortController();
  const meant: string[] = [];
  const element = scroller as unknown as HTMLElement;
  const origin = new ScrollOrigin(element, ({ type }) => meant.push(type), ended.signal, page);
  const send = (target: EventTarget, type: string, more: object = {}) => {
    const event = new Event(type, { cancelable: true });
    for (const [name, value] of Object.entries(more)) Object.defineProperty(event, name, { value });
    target.dispatchEvent(event);
    return event;
  };
  const on = (type: string, more?: object) => send(scroller, type, more);
  return {
    origin,
    meant,
    ended,
    on,
    onPage: (type: string, more?: object) => send(page, type, more),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the origin on a scroller", () => {
  test("is not there until the user does something", () => {
    expect(scene().origin.isUser).toBe(false);
  });

  test.each([
    ["wheel", { deltaY: 40 }],
    ["touchmove", { touches: [{ clientY: 10 }] }],
    ["keydown", { key: "PageDown" }],
  ])("a %s counts while the scroller glides on, and no longer", (type, more) => {
    const { origin, on } = scene();
    on(type, more);

    expect(origin.isUser).toBe(true);
    vi.advanceTimersByTime(GLIDE_MS - 1);
    expect(origin.isUser).toBe(true);
    vi.advanceTimersByTime(1);
    expect(origin.isUser).toBe(false);
  });

  test("a button down in it counts for as long as it is down", () => {
    const { origin, on, onPage } = scene();
    on("pointerdown", { button: 0 });
    onPage("pointermove", { buttons: 1 });
    vi.advanceTimersByTime(60_000);

    expect(origin.isUser).toBe(true);
    onPage("pointerup");
    expect(origin.isUser).toBe(true);
    vi.advanceTimersByTime(GLIDE_MS);
    expect(origin.isUser).toBe(false);
  });

  test("a click on a button inside scrolls nothing", () => {
    const { origin, on, onPage } = scene();
    on("pointerdown", { button: 0, target: {} });
    on("focusin", { target: {} });
    onPage("pointerup");

    expect(origin.isUser).toBe(false);
  });

  test("a drag that scrolled, as of a selection, may scroll on after it ended", () => {
    const { origin, on, onPage } = scene();
    on("pointerdown", { button: 0, target: {} });
    on("scroll");
    onPage("pointerup");

    expect(origin.isUser).toBe(true);
  });

  test("a scroll bar let go of is noticed with the next movement of the pointer", () => {
    const { origin, on, onPage } = scene();
    on("pointerdown", { button: 0 });
    onPage("pointermove", { buttons: 0 });
    vi.advanceTimersByTime(GLIDE_MS);

    expect(origin.isUser).toBe(false);
  });

  test("what a widget took for itself does not scroll", () => {
    const { origin, on } = scene();
    on("keydown", { key: "ArrowDown" }).preventDefault();

    expect(origin.isUser).toBe(false);
  });

  test.each([
    ["keydown", { key: "t" }],
    ["keydown", { key: "ArrowUp", altKey: true }],
    ["wheel", { deltaY: -40, ctrlKey: true }],
    ["wheel", { deltaY: 0, deltaX: 40 }],
  ])("a %s that scrolls nothing is not an origin: %j", (type, more) => {
    const { origin, meant, on } = scene();
    on(type, more);

    expect(origin.isUser).toBe(false);
    expect(meant).toEqual([]);
  });

  test("nothing is observed after its view ended", () => {
    const { origin, ended, on } = scene();
    on("pointerdown", { button: 0 });
    ended.abort();
    on("wheel", { deltaY: -1 });

    expect(origin.isUser).toBe(false);
  });
});

describe("what the origin means", () => {
  test.each([
    ["wheel", { deltaY: -1 }, ["up"]],
    ["wheel", { deltaY: 1 }, []],
    ["keydown", { key: "PageUp" }, ["up"]],
    ["keydown", { key: "End" }, []],
    ["pointerdown", { button: 1 }, ["hold"]],
    ["pointerdown", { button: 0 }, []],
  ])("%s %j is seen before the browser scrolls: %j", (type, more, expected) => {
    const { meant, on } = scene();
    on(type, more);

    expect(meant).toEqual(expected);
  });

  test("a finger that moves down shows what is above", () => {
    const { meant, on } = scene();
    on("touchstart", { touches: [{ clientY: 50 }] });
    on("touchmove", { touches: [{ clientY: 40 }] });
    expect(meant).toEqual([]);
    on("touchmove", { touches: [{ clientY: 45 }] });

    expect(meant).toEqual(["up"]);
  });

  test("above the start there is nothing to go to", () => {
    const { meant, on } = scene(0);
    on("wheel", { deltaY: -1 });
    on("keydown", { key: "Home" });

    expect(meant).toEqual([]);
  });
});
