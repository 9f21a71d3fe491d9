// The timeline above the list: a click on a bar goes to its row, the active row shows its bar, and
// what is selected on the axis is the viewer's brush.

import { Timeline } from "../trace/timeline.ts";
import type { TimelineSession } from "../trace/timeline-session.ts";
import { h } from "../ui/dom.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { Look } from "./look.ts";
import type { Moment } from "./moment.ts";
import type { Pointing } from "./pointing.ts";
import type { Showing } from "./showing.ts";

export class TimelinePanel {
  readonly element: HTMLElement;
  readonly #timeline: Timeline;
  #active = -1;
  #themeKey = -1;

  constructor(
    private readonly session: TimelineSession,
    moment: Moment,
    private readonly look: Look,
    private readonly pointing: Pointing,
    showing: Showing,
    display: Display,
  ) {
    const open = ({ first }: { first: number }) => {
      const position = session.store.position(first);
      if (session.store.has(position)) pointing.goTo(position);
    };
    const actions = {
      now: () => moment.until,
      open,
      get brush() {
        return showing.brush;
      },
      setBrush: (range: [number, number] | null) => showing.setBrush(range),
    };
    this.#timeline = new Timeline(moment.spans, actions, display);
    this.element = h("div", { class: "timeline-panel" }, this.#timeline.element);
  }

  resize(width: number): void {
    this.#timeline.resize(width);
  }

  draw(): void {
    const { spans, store } = this.session;
    this.element.hidden = spans.byId.size === 0 || !this.look.timelineShown;
    if (this.element.hidden) return;
    if (this.#themeKey !== this.look.themeKey) this.#timeline.themed();
    this.#themeKey = this.look.themeKey;
    const { active } = this.pointing;
    if (active !== this.#active && active >= 0) this.#timeline.showSequence(store.sequence(active));
    this.#active = active;
    this.#timeline.draw();
  }
}
