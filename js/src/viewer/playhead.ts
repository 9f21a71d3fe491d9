// From which moment the events are looked at: live, or after one of them. A moment can move by
// itself, at a multiple of the speed at which the events came. Independent of any DOM.

import type { Store } from "../events/event-store.ts";

export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 25, 100] as const;
/** While playing, a silence is cut to this long, as seen by the viewer, ms. */
export const LONGEST_WAIT_MS = 2000;
const LIVE = null;

export class Playhead {
  /** The newest event that is shown, by position; -1 before all of them, null for live. */
  position: number | null = LIVE;
  isPlaying = false;
  speed = 1;
  /** Where the moment is in time, on the events' clock, ms. */
  #clock = 0;

  constructor(private readonly store: Store) {}

  /** How many events are shown of those that are here. */
  get rank(): number {
    const { position, store } = this;
    return position === LIVE ? store.size : store.filledIn(0, position);
  }

  /** The time of the newest event that is shown; null if there is none. */
  get time(): number | null {
    const { position, store } = this;
    const newest = position === LIVE ? store.newest : store.lastFilled(position);
    return store.get(newest)?.timestamp_ms ?? null;
  }

  live(): void {
    this.position = LIVE;
    this.isPlaying = false;
  }

  /** To a position, where an event need not be (yet); -1 is before all of them. */
  moveTo(position: number): void {
    this.position = position;
    this.#clock = this.time ?? 0;
  }

  /** Show so many events; all of them is live. */
  moveToRank(rank: number): void {
    const { store } = this;
    if (rank >= store.size) this.live();
    else this.moveTo(rank > 0 ? store.atRank(rank - 1) : -1);
  }

  /** To the last event at or before a time. */
  moveToTime(time: number): void {
    const { store } = this;
    let [low, high] = [0, store.size];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (store.get(store.atRank(middle))!.timestamp_ms <= time) low = middle + 1;
      else high = middle;
    }
    this.moveTo(low > 0 ? store.atRank(low - 1) : -1);
    this.#clock = time;
  }

  step(by: number): void {
    this.moveToRank(Math.max(0, this.rank + by));
  }

  /** To the next of these positions, ascending, or the one before; past the last one is live. */
  stepAmong(positions: readonly number[], direction: 1 | -1): void {
    const at = this.position ?? Number.POSITIVE_INFINITY;
    const next =
      direction > 0
        ? positions.find((position) => position > at)
        : positions.findLast((position) => position < at);
    if (next !== undefined) this.moveTo(next);
    else if (direction > 0) this.live();
    else this.moveTo(-1);
  }

  /** Move on from here; from live, begin at the first event. */
  play(): void {
    if (this.position === LIVE) this.moveTo(-1);
    if (this.position === -1) this.step(1);
    this.isPlaying = this.position !== LIVE;
  }

  pause(): void {
    this.isPlaying = false;
  }

  /** Let `elapsed` ms pass for the viewer; return whether other events are shown. */
  advance(elapsed: number): boolean {
    if (!this.isPlaying || this.position === LIVE) return false;
    this.#clock += elapsed * this.speed;
    const before = this.position;
    for (let next = before; ; this.position = next) {
      next = this.store.nextFilled(next);
      const time = this.store.get(next)?.timestamp_ms;
      if (time === undefined) {
        this.live();
        return true;
      }
      if (time <= this.#clock) continue;
      this.#clock = Math.max(this.#clock, time - LONGEST_WAIT_MS * this.speed);
      return this.position !== before;
    }
  }
}
