// The time bar: which moment the view shows. A slider over all events, play and step, back to live.

import { clock, count, date, since } from "../base/format.ts";
import type { TimelineSession } from "../trace/timeline-session.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { type IconName, icon, setIcon } from "../ui/icons.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { Look } from "./look.ts";
import type { Moment } from "./moment.ts";
import { readTarget } from "./moment-text.ts";
import { type Playhead, SPEEDS } from "./playhead.ts";

/** More turns than these are not marked on the slider; they can be stepped through. */
const MOST_MARKS = 300;
const GO_HINT = "Go to a sequence (120), a time (10:02:31) or a time since the start (+1:30)";

export class TimeBar {
  readonly element: HTMLElement;
  readonly #previous = button("previous", "To the turn before");
  readonly #play = button("play", "Play from here");
  readonly #next = button("next", "To the next turn");
  readonly #slider = h("input", { type: "range", class: "moment", min: 0, step: 1 });
  readonly #marks = h("div", { class: "turn-marks", "aria-hidden": "true" });
  readonly #go = h("input", { type: "text", class: "go", "aria-label": GO_HINT, title: GO_HINT });
  readonly #time = h("span", { class: "moment-time" });
  readonly #speed = h("select", { class: "speed", "aria-label": "Speed of playing" });
  readonly #live = h("button", { class: "to-live", text: "Live" });
  #turns: readonly number[] = [];
  #markedAt = "";

  constructor(
    private readonly session: TimelineSession,
    private readonly moment: Moment,
    private readonly look: Look,
    private readonly display: Display,
  ) {
    setAttribute(this.#slider, "aria-label", "Moment that is shown, by events");
    for (const speed of SPEEDS)
      this.#speed.append(h("option", { value: speed, text: `${speed}×` }));
    this.#speed.value = "1";
    const track = h("div", { class: "track" }, this.#slider, this.#marks);
    const buttons = h("span", { class: "steps" }, this.#previous, this.#play, this.#next);
    const props = { class: "time-bar", role: "group", "aria-label": "Time" };
    this.element = h("div", props, buttons, track, this.#go, this.#time, this.#speed, this.#live);
    this.#listen();
  }

  /** What changes with every frame. */
  draw(): void {
    const { head } = this.moment;
    const { size } = this.session.store;
    // Its positions are those of one axon.
    this.element.hidden = size === 0 || !this.look.timeBarShown || this.session.several;
    if (this.element.hidden) return;
    const { rank } = head;
    setAttribute(this.#slider, "max", String(size));
    if (this.#slider.valueAsNumber !== rank) this.#slider.value = String(rank);
    this.#drawWords(rank, size);
    const [name, label]: [IconName, string] = head.isPlaying
      ? ["pause", "Pause here"]
      : ["play", this.moment.isLive ? "Play from the start" : "Play from here"];
    setIcon(this.#play.firstElementChild as SVGSVGElement, name);
    for (const attribute of ["aria-label", "title"]) setAttribute(this.#play, attribute, label);
    this.display.root.dataset.moment = String(!this.moment.isLive);
  }

  /** Where turns are; drawn when nothing is in a hurry. */
  drawSlow(): void {
    const { store, spans } = this.session;
    setText(this.#live, this.#isStreaming ? "Live" : "End");
    const key = [store.newest, store.evicted, spans.version].join();
    if (key === this.#markedAt) return;
    this.#markedAt = key;
    this.#turns = this.moment.turns();
    for (const step of [this.#previous, this.#next]) step.hidden = this.#turns.length === 0;
    const shown = this.#turns.length <= MOST_MARKS ? this.#turns : [];
    this.#marks.replaceChildren(
      ...shown.map((position) => {
        const mark = h("i");
        mark.style.left = `${(store.filledIn(0, position) / store.size) * 100}%`;
        return mark;
      }),
    );
  }

  /** More events may come. */
  get #isStreaming(): boolean {
    const { stat, inFile } = this.session.facts;
    return stat?.state.name === "live" && !inFile;
  }

  #drawWords(rank: number, size: number): void {
    const { moment, session } = this;
    const time = moment.head.time;
    const words = time === null ? "before the first event" : clock(time);
    setText(this.#time, words);
    if (time !== null)
      this.#time.title = `${date(time)} · ${since(time - session.store.oldestTime)}`;
    const { sequence } = moment;
    const newest = session.store.sequence(session.store.newest);
    const root = this.#go.getRootNode() as ShadowRoot;
    if (root.activeElement !== this.#go)
      this.#go.value = sequence === null && this.#isStreaming ? "live" : `#${sequence ?? newest}`;
    const value = `${count(rank)} of ${count(size)} events, ${words}`;
    setAttribute(this.#slider, "aria-valuetext", moment.isLive ? `live, ${value}` : value);
    setAttribute(this.#live, "aria-pressed", String(moment.isLive));
  }

  // ---- what the user does -------------------------------------------------------------------------

  #move(step: (head: Playhead) => void): void {
    this.moment.move(step);
  }

  togglePause(): void {
    this.#move((head) => (head.isPlaying ? head.pause() : head.play()));
  }

  #toTurn(direction: 1 | -1): void {
    this.#move((head) => head.stepAmong(this.#turns, direction));
  }

  #goTo(): void {
    const { store } = this.session;
    const zoneMs = new Date(store.oldestTime).getTimezoneOffset() * 60_000;
    const target = readTarget(this.#go.value, store.oldestTime, zoneMs);
    setAttribute(this.#go, "aria-invalid", target === null ? "true" : null);
    if (target === null) {
      this.display.say(`${this.#go.value}: give a sequence, or a time like 10:02:31 or +1:30`);
      return;
    }
    this.#move((head) => {
      head.pause();
      if (target === "live") head.live();
      else if ("time" in target) head.moveToTime(target.time);
      else head.moveTo(target.sequence > 0 ? store.position(target.sequence) : -1);
    });
  }

  #listen(): void {
    const { signal } = this.display;
    on(
      this.#slider,
      "input",
      () => {
        const rank = this.#slider.valueAsNumber;
        this.#move((head) => {
          head.pause();
          head.moveToRank(rank);
        });
      },
      signal,
    );
    on(this.#slider, "keydown", (event) => this.#key(event), signal);
    on(this.#play, "click", () => this.togglePause(), signal);
    on(this.#previous, "click", () => this.#toTurn(-1), signal);
    on(this.#next, "click", () => this.#toTurn(1), signal);
    on(this.#live, "click", () => this.#move((head) => head.live()), signal);
    on(this.#go, "focus", () => this.#go.select(), signal);
    on(this.#go, "change", () => this.#goTo(), signal);
    on(
      this.#speed,
      "change",
      () => {
        this.moment.head.speed = Number(this.#speed.value);
      },
      signal,
    );
  }

  /** The browser moves by one event and by pages; by turns and playing is ours. */
  #key(event: KeyboardEvent): void {
    const actions: Record<string, () => void> = {
      " ": () => this.togglePause(),
      "[": () => this.#toTurn(-1),
      "]": () => this.#toTurn(1),
      Escape: () => this.#move((head) => head.live()),
    };
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

function button(name: IconName, label: string): HTMLButtonElement {
  return h("button", { "aria-label": label, title: label }, icon(name));
}
