// The first lines: what stream this is, how it stands, how much there is, the main switches.

import { count, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import type { Status } from "../events/event-status.ts";
import type { TimelineSession } from "../trace/timeline-session.ts";
import { h, on, setText } from "../ui/dom.ts";
import type { Follow } from "../ui/follow.ts";
import { StateLine, StateSign, Switch } from "../ui/header-parts.ts";
import { entry, heading, type Menu, menu } from "../ui/menu.ts";
import type { Look } from "./look.ts";
import type { Moment } from "./moment.ts";
import type { Showing } from "./showing.ts";

const COLUMNS = [
  ["axon", "axon"],
  ["seq", "sequence"],
  ["time", "time"],
  ["gap", "gap to the row before"],
  ["type", "kind or type"],
  ["pair", "duration"],
] as const;

export type Export = (what: "shown" | "all", format: "jsonl" | "csv") => void;

export class Header {
  readonly element: HTMLElement;
  readonly line: StateLine;
  readonly #title = h("span", { class: "axon-name" });
  readonly #state = new StateSign();
  readonly #events = h("b");
  readonly #rate = h("span", { class: "rate" });
  readonly #lost = h("span", { class: "lost" });
  readonly #kept = h("span", { class: "kept" });
  readonly #pause = new Switch("pause", "Pause", "", "pause");
  readonly #follow = new Switch("follow", "Follow", "stay with the newest event (End)", "follow");
  readonly #menu: Menu;

  constructor(
    private readonly session: TimelineSession,
    private readonly moment: Moment,
    private readonly showing: Showing,
    private readonly look: Look,
    private readonly follow: Follow,
    private readonly save: Export,
    signal: AbortSignal,
  ) {
    const more = "more: columns, export, clear";
    this.#menu = menu({ icon: "more" }, more, signal, () => this.#fillMenu());
    on(this.#pause.element, "click", () => showing.togglePause(), signal);
    on(this.#follow.element, "click", () => follow.toggle(), signal);
    this.line = new StateLine(() => session.retry());
    const counts = h("span", { class: "counts" }, this.#events, this.#rate, this.#lost, this.#kept);
    const buttons = h("span", { class: "buttons" }, this.#pause.element, this.#follow.element);
    buttons.append(this.#menu.element);
    this.element = h("div", { class: "header" }, this.#title, this.#state.element, counts, buttons);
  }

  draw(title: string, status: Status): void {
    const { counts, rate, facts } = this.session;
    setText(this.#title, visibleLine(title));
    this.element.dataset.sign = status.sign;
    this.#state.draw(status);
    const { isLive, totals } = this.moment;
    const total = plural(counts.total, "event");
    setText(this.#events, isLive ? total : `${count(totals.size)} of ${total}`);
    const isRunning = isLive && facts.snapshot === null && facts.answered;
    setText(this.#rate, isRunning ? `${rateText(rate)}/s` : "");
    setText(this.#lost, `${count(counts.lost)} lost`);
    this.#lost.dataset.bad = String(counts.lost > 0);
    setText(this.#kept, keptText(counts));
    this.#drawPause();
    this.#follow.draw(this.follow.on);
    this.line.draw(status.sign, status.line, status.retry);
  }

  #drawPause(): void {
    const { paused } = this.showing;
    if (paused) this.#pause.become("play", "Resume", "show what has arrived (Space)");
    else this.#pause.become("pause", "Pause", "freeze the view, not the stream (Space)");
    this.#pause.draw(paused);
  }

  #fillMenu(): void {
    const { showing, look } = this;
    const set = (text: string, on: boolean, run: () => void) => entry(text, this.#again(run), on);
    this.#menu.fill(
      heading("View"),
      set("fold streamed text", showing.fold, () => showing.setFold(!showing.fold)),
      set("roomy rows", look.roomy, () => look.setRoomy(!look.roomy)),
      set("rate chart", look.chartShown, () => look.toggleChart()),
      set("time bar", look.timeBarShown, () => look.toggleTimeBar()),
      ...(this.session.spans.byId.size > 0
        ? [set("timeline", look.timelineShown, () => look.toggleTimeline())]
        : []),
      heading("Columns"),
      ...COLUMNS.slice(this.session.several ? 0 : 1).map(([name, text]) =>
        set(text, !look.hidden.has(name), () => look.toggleColumn(name)),
      ),
      heading("Export"),
      this.#act("what is shown, JSON lines", () => this.save("shown", "jsonl")),
      this.#act("what is shown, CSV", () => this.save("shown", "csv")),
      this.#act("all events, JSON lines", () => this.save("all", "jsonl")),
      this.#act("all events, CSV", () => this.save("all", "csv")),
      heading("Rows"),
      showing.cleared
        ? this.#act("show cleared events again", () => showing.clear(false))
        : this.#act("clear the view", () => showing.clear(true)),
    );
  }

  #act(text: string, run: () => void): HTMLElement {
    return entry(text, () => {
      run();
      this.#menu.close();
    });
  }

  #again(run: () => void): () => void {
    return () => {
      run();
      this.#fillMenu();
    };
  }
}

function rateText(rate: number): string {
  return rate > 0 && rate < 10 ? rate.toFixed(1) : count(Math.round(rate));
}

function keptText({ notKept, recovering }: { notKept: number; recovering: number }): string {
  if (recovering > 0) return `recovering ${count(recovering)}`;
  return notKept > 0 ? `${count(notKept)} not kept` : "";
}
