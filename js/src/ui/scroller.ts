// A native scroll bar over rows that are drawn: keeps both at one place and knows who moved.
//
// The element scrolls a spacer; what is shown is the map's. What the user moves goes to the
// follow machine, what this file sets is recognised by its value, and what the browser moves by
// itself is undone while the newest row is followed, and taken as the place otherwise.

import { h, on } from "./dom.ts";
import type { FollowInput } from "./follow.ts";
import { ScrollMap } from "./scroll-map.ts";
import { ScrollOrigin } from "./scroll-origin.ts";

const WHEEL_LINE_PX = 40;
/** Who moves down to where the end was this long ago, ms, has arrived at it. */
const END_MS = 500;

/** Whether the newest row is followed; a `Follow`. */
interface Follower {
  readonly on: boolean;
  feed(input: FollowInput): void;
}

interface Drawn {
  readonly signal: AbortSignal;
  /** Draw with the next frame. */
  invalidate(): void;
}

export class Scroller {
  readonly spacer = h("div", { class: "spacer", role: "presentation" });
  readonly #origin: ScrollOrigin;
  /** Where this file scrolled to: the event about it says nothing new. */
  #set = -1;
  #ends: { until: number; bottom: number }[] = [];
  #bottom = 0;
  /** Where the bar was brought to while it is held. */
  #heldAt: number | null = null;
  #wheeling: AbortController | null = null;

  constructor(
    private readonly element: HTMLElement,
    private readonly follower: Follower,
    private readonly view: Drawn,
    readonly map = new ScrollMap(),
  ) {
    const { signal } = view;
    this.#origin = new ScrollOrigin(element, (input) => follower.feed(input), signal);
    on(element, "scroll", () => this.#scrolled(), signal);
    signal.addEventListener("abort", () => this.#wheeling?.abort(), { once: true });
  }

  /** Bring the scroll bar to where the map is. */
  sync(): void {
    const { map, element, spacer } = this;
    this.#keepEnd();
    this.#listenToWheel();
    const height = `${Math.max(0, map.height - map.view)}px`;
    if (spacer.style.height !== height) spacer.style.height = height;
    const physical = Math.round(map.physical);
    if (map.view <= 0 || Math.abs(element.scrollTop - physical) < 1) return;
    element.scrollTop = physical;
    this.#set = element.scrollTop;
  }

  /** Move by some rows or pages, as a key does. */
  scrollBy(px: number): void {
    const { map, follower, view } = this;
    if (px < 0) follower.feed({ type: "up" });
    const before = map.top;
    map.moveTo(before + px);
    if (px > 0) this.#moved(before);
    view.invalidate();
  }

  #scrolled(): void {
    const { element, map, follower, view } = this;
    const position = element.scrollTop;
    if (element.clientHeight === 0 || Math.abs(position - this.#set) < 1) return;
    view.invalidate();
    const byUser = this.#origin.isUser;
    if (!byUser) this.#heldAt = null;
    // The next frame goes back to the end.
    if (follower.on && !byUser) return;
    this.#set = position;
    const before = map.top;
    map.fromPhysical(position);
    const heldAt = this.#heldAt;
    if (this.#origin.holds) this.#heldAt = map.top;
    // A bar that is held at the end falls behind it when rows come: that is no movement up.
    if (follower.on && heldAt !== null && map.top > heldAt - map.view) return;
    // Content that grew under a resting scroll bar is no movement of the user.
    if (map.top !== before) this.#moved(Math.min(before, heldAt ?? before), byUser);
  }

  #moved(before: number, byUser = true): void {
    const { map } = this;
    const down = map.top >= before;
    const distance = (down ? this.#recentEnd(before) : map.bottom) - map.top;
    this.follower.feed({ type: "scrolled", distance, height: map.view, byUser });
  }

  // Rows that came since the frame which the user aimed at put the end farther away: in a fast
  // stream it could never be reached.

  #keepEnd(): void {
    const { bottom } = this.map;
    if (bottom === this.#bottom) return;
    this.#ends.push({ until: performance.now() + END_MS, bottom: this.#bottom });
    this.#bottom = bottom;
  }

  /** Of the ends since then the nearest below where the movement began. */
  #recentEnd(before: number): number {
    const now = performance.now();
    this.#ends = this.#ends.filter(({ until }) => until > now);
    const below = this.#ends.map(({ bottom }) => bottom).filter((bottom) => bottom > before);
    return Math.min(this.map.bottom, ...below);
  }

  /** A mapped list moves by rows; any other is left to the browser, which needs no script for it. */
  #listenToWheel(): void {
    if (this.map.mapped === (this.#wheeling !== null)) return;
    this.#wheeling?.abort();
    this.#wheeling = null;
    if (!this.map.mapped) return;
    this.#wheeling = new AbortController();
    const { signal } = this.#wheeling;
    on(this.element, "wheel", (event) => this.#wheel(event), signal, { passive: false });
  }

  #wheel(event: WheelEvent): void {
    if (event.ctrlKey || event.deltaY === 0 || event.shiftKey) return;
    event.preventDefault();
    const { view } = this.map;
    const unit = event.deltaMode === 1 ? WHEEL_LINE_PX : event.deltaMode === 2 ? view : 1;
    this.scrollBy(event.deltaY * unit);
  }
}
