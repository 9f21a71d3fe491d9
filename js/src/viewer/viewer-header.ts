// The first lines: what stream this is, how it stands, how much there is, the main switches.

import { count, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import type { Status } from "../events/event-status.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { entry, heading, type Menu, menu } from "../ui/menu.ts";
import type { View } from "./event-view.ts";

const SIGNS = { live: "●", busy: "◌", off: "■", warn: "◆", bad: "▲" } as const;

export class Header {
  readonly element: HTMLElement;
  /** The line under the header for states that need words. */
  readonly line: HTMLElement;
  readonly #title = h("span", { class: "axon-name" });
  readonly #sign = h("i", { class: "sign", "aria-hidden": "true" });
  readonly #word = h("span", { class: "word" });
  readonly #events = h("b");
  readonly #rate = h("span", { class: "rate" });
  readonly #lost = h("span", { class: "lost" });
  readonly #kept = h("span", { class: "kept" });
  readonly #pause = h("button", { class: "pause" });
  readonly #follow = h(
    "button",
    { class: "follow", title: "stay with the newest event (End)" },
    sign("⤓"),
    label("Follow"),
  );
  readonly #lineText = h("span");
  readonly #retry = h("button", { class: "retry", text: "retry now" });
  readonly #menu: Menu;

  constructor(private readonly view: View) {
    this.#menu = menu("⋯", "more: columns, export, clear", view.signal, () => this.#fillMenu());
    this.#pause.addEventListener("click", () => view.showing.togglePause());
    this.#follow.addEventListener("click", () => view.toggleFollow());
    this.#retry.addEventListener("click", () => view.session.retry());
    const state = h("span", { class: "state" }, this.#sign, this.#word);
    const counts = h("span", { class: "counts" }, this.#events, this.#rate, this.#lost, this.#kept);
    this.element = h(
      "div",
      { class: "header" },
      this.#title,
      state,
      counts,
      h("span", { class: "buttons" }, this.#pause, this.#follow, this.#menu.element),
    );
    this.line = h("div", { class: "state-line" }, this.#lineText, this.#retry);
  }

  draw(status: Status): void {
    const { view } = this;
    const { counts, rate, facts } = view.session;
    setText(this.#title, visibleLine(view.title));
    this.element.dataset.sign = status.sign;
    setText(this.#sign, SIGNS[status.sign]);
    setText(this.#word, status.word);
    setText(this.#events, plural(counts.total, "event"));
    setText(this.#rate, facts.snapshot === null && facts.heard ? `${rateText(rate)}/s` : "");
    setText(this.#lost, `${count(counts.lost)} lost`);
    this.#lost.dataset.bad = String(counts.lost > 0);
    setText(this.#kept, keptText(counts));
    this.#drawButtons();
    this.#drawLine(status);
  }

  #drawButtons(): void {
    const { following } = this.view;
    const { paused } = this.view.showing;
    this.view.root.dataset.paused = String(paused);
    const words = paused ? ["▶", "Resume"] : ["⏸", "Pause"];
    if (this.#pause.dataset.state !== words[1]) {
      this.#pause.dataset.state = words[1];
      this.#pause.replaceChildren(sign(words[0]!), label(words[1]!));
      this.#pause.title = paused
        ? "show what has arrived (Space)"
        : "freeze the view, not the stream (Space)";
    }
    setAttribute(this.#pause, "aria-pressed", String(paused));
    setAttribute(this.#follow, "aria-pressed", String(following));
  }

  #drawLine(status: Status): void {
    this.line.hidden = status.line === "";
    this.line.dataset.sign = status.sign;
    setText(this.#lineText, visibleLine(status.line));
    this.#retry.hidden = !status.retry;
  }

  #fillMenu(): void {
    const { view } = this;
    const { showing, pointing } = view;
    const act = (run: () => void) => () => {
      run();
      this.#menu.close();
    };
    const set = (run: () => void) => () => {
      run();
      this.#fillMenu();
    };
    const columns = (["seq", "time", "type", "pair"] as const).map((name) =>
      entry(
        COLUMN_NAMES[name],
        set(() => view.toggleColumn(name)),
        !view.hidden.has(name),
      ),
    );
    this.#menu.fill(
      heading("View"),
      entry(
        "fold streamed text",
        set(() => showing.setFold(!showing.fold)),
        showing.fold,
      ),
      entry(
        "roomy rows",
        set(() => view.setRoomy(!view.roomy)),
        view.roomy,
      ),
      entry(
        "rate chart",
        set(() => view.toggleChart()),
        view.chartShown,
      ),
      heading("Columns"),
      ...columns,
      heading("Export"),
      entry(
        "what is shown, JSON lines",
        act(() => pointing.export("shown", "jsonl")),
      ),
      entry(
        "what is shown, CSV",
        act(() => pointing.export("shown", "csv")),
      ),
      entry(
        "all events, JSON lines",
        act(() => pointing.export("all", "jsonl")),
      ),
      entry(
        "all events, CSV",
        act(() => pointing.export("all", "csv")),
      ),
      heading("Rows"),
      showing.cleared
        ? entry(
            "show cleared events again",
            act(() => showing.clear(false)),
          )
        : entry(
            "clear the view",
            act(() => showing.clear(true)),
          ),
    );
  }
}

const COLUMN_NAMES = { seq: "sequence", time: "time", type: "type", pair: "duration" } as const;

function sign(text: string): HTMLElement {
  return h("span", { class: "icon", "aria-hidden": "true", text });
}

function label(text: string): HTMLElement {
  return h("span", { class: "label", text });
}

function rateText(rate: number): string {
  return rate > 0 && rate < 10 ? rate.toFixed(1) : count(Math.round(rate));
}

function keptText({ notKept, recovering }: { notKept: number; recovering: number }): string {
  if (recovering > 0) return `recovering ${count(recovering)}`;
  return notKept > 0 ? `${count(notKept)} not kept` : "";
}
