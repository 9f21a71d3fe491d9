// Following the tail is a state, not a reading of the scroll position.
//
// What the user does sets it before the browser scrolls; what the program does never changes it;
// neither does a viewport without height (a hidden tab, a cell scrolled out of a windowed notebook).

export type FollowState = "following" | "released";

export type FollowInput =
  /** A wheel, touch, key or scrollbar movement towards older rows. */
  | { type: "up" }
  /** The viewport was scrolled by the user and now ends at `distance` px above the bottom. */
  | { type: "scrolled"; distance: number; height: number; byUser: boolean }
  /** The End key, the pill, the button: to the newest row. */
  | { type: "end" }
  /** A row was opened or found: stay with it. */
  | { type: "hold" };

/** Closer to the bottom than this counts as being there: scroll positions are rounded. */
export const NEAR_PX = 4;

export function follow(state: FollowState, input: FollowInput): FollowState {
  switch (input.type) {
    case "up":
    case "hold":
      return "released";
    case "end":
      return "following";
    case "scrolled":
      if (!input.byUser || input.height <= 0) return state;
      return input.distance <= NEAR_PX ? "following" : "released";
  }
}

/** Whether one list follows its newest row. */
export class Follow {
  #state: FollowState;

  /** `changed` is called after the state has become another one. */
  constructor(
    following: boolean,
    private readonly changed: () => void,
  ) {
    this.#state = following ? "following" : "released";
  }

  get on(): boolean {
    return this.#state === "following";
  }

  feed(input: FollowInput): void {
    const next = follow(this.#state, input);
    if (next === this.#state) return;
    this.#state = next;
    this.changed();
  }

  toggle(): void {
    this.feed({ type: this.on ? "hold" : "end" });
  }
}
