// What moved a scroller: the user, or the browser while it laid out.
//
// A scroll event does not say who caused it. The browser moves a scroller by itself when what is in
// it shrinks, when another scroll bar comes or goes, when it is shown again; following the newest
// row must outlive all of that. So a movement is the user's only while they act on it: with a
// button down in the scroller (its scroll bar included), or shortly after a drag, a wheel, a touch,
// a key or a focus that the browser answers by scrolling. A click on a button inside scrolls
// nothing; what it shows or hides may.

import { on } from "./dom.ts";
import type { FollowInput } from "./follow.ts";

/** How long a scroller glides on after a wheel, a touch or a key, ms. */
export const GLIDE_MS = 1000;

const UP = new Set(["ArrowUp", "PageUp", "Home"]);
const DOWN = new Set(["ArrowDown", "PageDown", "End", " "]);
const TYPED_IN = "input, textarea, select";
const MIDDLE = 1;
const PASSIVE = { passive: true };

type Meant = Extract<FollowInput, { type: "up" | "hold" }>;

export class ScrollOrigin {
  #held: AbortController | null = null;
  /** Whether the press was a click so far: on something inside, and nothing moved. */
  #clicks = false;
  #touchedAt = Number.NEGATIVE_INFINITY;
  /** The last input; the browser does not scroll for an event that a widget has handled. */
  #touch: Event | null = null;
  #touchY = 0;

  /** `meant` is called with what the user wants before the browser has scrolled. */
  constructor(
    private readonly element: HTMLElement,
    private readonly meant: (input: Meant) => void,
    signal: AbortSignal,
    private readonly page: EventTarget = window,
  ) {
    on(element, "pointerdown", (event) => this.#press(event), signal);
    on(element, "scroll", () => this.#moved(), signal, PASSIVE);
    on(element, "wheel", (event) => this.#wheel(event), signal, PASSIVE);
    on(element, "touchstart", (event) => this.#place(event), signal, PASSIVE);
    on(element, "touchmove", (event) => this.#drag(event), signal, PASSIVE);
    on(element, "keydown", (event) => this.#key(event), signal);
    on(element, "focusin", (event) => this.#focus(event), signal);
    signal.addEventListener("abort", () => this.#letGo(), { once: true });
  }

  /** Whether a button or finger is down in it. */
  get holds(): boolean {
    return this.#held !== null;
  }

  /** Whether a scroll event of now is the user's. */
  get isUser(): boolean {
    if (this.holds) return true;
    if (this.#touch?.defaultPrevented) return false;
    return performance.now() - this.#touchedAt < GLIDE_MS;
  }

  #touched(event: Event): void {
    this.#touch = event;
    this.#touchedAt = performance.now();
  }

  /** Nothing is above a scroller at its start: who turns the wheel there goes nowhere. */
  #upwards(): void {
    if (this.element.scrollTop > 0) this.meant({ type: "up" });
  }

  #press(event: PointerEvent): void {
    // A middle button begins a scrolling that goes on without a button.
    if (event.button === MIDDLE) this.meant({ type: "hold" });
    this.#letGo();
    this.#clicks = event.target !== this.element && event.pointerType !== "touch";
    const held = new AbortController();
    this.#held = held;
    const { signal } = held;
    const end = (event: Event) => this.#release(event);
    on(this.page, "pointerup", end, signal, { capture: true });
    on(this.page, "pointercancel", end, signal, { capture: true });
    // Chromium sends no event when the button over a scroll bar is released.
    const moved = (event: PointerEvent) => event.buttons === 0 && end(event);
    on(this.page, "pointermove", moved, signal, { capture: true });
  }

  #moved(): void {
    this.#clicks = false;
  }

  #release(event: Event): void {
    this.#letGo();
    if (!this.#clicks) this.#touched(event);
  }

  #letGo(): void {
    this.#held?.abort();
    this.#held = null;
  }

  #wheel(event: WheelEvent): void {
    if (event.ctrlKey || event.shiftKey || event.deltaY === 0) return;
    this.#touched(event);
    if (event.deltaY < 0) this.#upwards();
  }

  #place(event: TouchEvent): void {
    this.#touchY = event.touches[0]?.clientY ?? 0;
  }

  #drag(event: TouchEvent): void {
    const before = this.#touchY;
    this.#place(event);
    this.#touched(event);
    if (this.#touchY > before) this.#upwards();
  }

  #key(event: KeyboardEvent): void {
    const { key } = event;
    if (event.altKey || (event.target as Partial<Element>).matches?.(TYPED_IN)) return;
    const up = UP.has(key);
    if (!up && !DOWN.has(key)) return;
    this.#touched(event);
    if (up) this.#upwards();
  }

  /** Tab goes to a button inside, and the browser shows it; what is clicked is in sight. */
  #focus(event: FocusEvent): void {
    if (event.target !== this.element && !this.holds) this.#touched(event);
  }
}
