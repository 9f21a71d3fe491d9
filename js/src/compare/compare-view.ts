// Two runs side by side in one list, so that both columns scroll together.

import type { AnyModel } from "@anywidget/types";
import { count, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { h, on, setText } from "../ui/dom.ts";
import frameCss from "../ui/frame.css";
import { icon } from "../ui/icons.ts";
import theme from "../ui/theme.css";
import { type FrameTraits, WidgetFrame } from "../ui/widget-frame.ts";
import css from "./compare.css";
import {
  type Compared,
  countsOf,
  isSame,
  itemsOf,
  type StepPair,
  type Total,
} from "./compare-model.ts";
import { pairElement, sameElement } from "./pair-view.ts";

/** Deflated JSON of `Compared`. */
export interface Traits extends FrameTraits {
  _snapshot: DataView | ArrayBuffer | null;
}

export class CompareView {
  readonly #frame: WidgetFrame<Traits>;
  readonly #title = h("span", { class: "axon-name" });
  readonly #counts = h("span", { class: "counts" });
  readonly #place = h("span", { class: "place" });
  readonly #previous = h("button", { title: "previous difference (p)" }, icon("left"));
  readonly #next = h("button", { title: "next difference (n)" }, icon("right"));
  readonly #totals = h("div", { class: "totals" });
  readonly #columns = h("div", { class: "sides columns" });
  readonly #list = h("ol", { class: "pairs", tabindex: 0, "aria-label": "Steps of both runs" });
  #differences: HTMLElement[] = [];
  #pairs: StepPair[] = [];
  #at = -1;

  constructor(
    private readonly model: AnyModel<Traits>,
    host: HTMLElement,
    signal: AbortSignal,
  ) {
    const frame = new WidgetFrame(model, host, signal, {
      css: theme + frameCss + css,
      label: `Comparison ${model.get("title")}`,
      medium: 720,
      narrow: 520,
      draw: () => true,
      drawSlow: () => setText(this.#title, visibleLine(this.model.get("title"))),
      measure: () => undefined,
      themed: () => undefined,
    });
    this.#frame = frame;
    this.#previous.setAttribute("aria-label", "previous difference");
    this.#next.setAttribute("aria-label", "next difference");
    on(this.#previous, "click", () => this.#go(this.#at - 1), signal);
    on(this.#next, "click", () => this.#go(this.#at + 1), signal);
    on(this.#list, "keydown", (event) => this.#key(event), signal);
    const buttons = h("span", { class: "buttons" }, this.#place, this.#previous, this.#next);
    const header = h("div", { class: "header" }, this.#title, this.#counts, buttons);
    frame.assemble(header, this.#totals, this.#columns, this.#list);
    this.#drawPlace();
  }

  show(compared: Compared): void {
    const { a, b, pairs, totals, left_out } = compared;
    this.#pairs = pairs;
    this.#columns.replaceChildren(columnName("a", a), columnName("b", b));
    this.#totals.replaceChildren(...totals.filter(({ a, b }) => a !== b).map(totalElement));
    this.#differences = [];
    this.#list.replaceChildren(
      ...itemsOf(pairs).map((item) => {
        if ("same" in item) return this.#sameItem(item.same);
        const element = pairElement(item.pair);
        element.addEventListener("click", () => this.#select(item.at));
        this.#differences.push(element);
        return element;
      }),
    );
    if (pairs.length === 0) this.#list.append(note("Neither run has a turn or a tool call."));
    if (left_out > 0)
      this.#list.append(note(`${plural(left_out, "more pair")}: see frame(all=True)`));
    const differences = countsOf(pairs).filter(([what]) => what !== "same");
    const same = pairs.filter(isSame).length;
    this.#counts.replaceChildren(
      ...(differences.length === 0 ? [h("span", { text: "no difference" })] : []),
      ...differences.map(([what, n]) => h("span", {}, h("b", { text: count(n) }), ` ${what}`)),
      h("span", {}, h("b", { text: count(same) }), " the same"),
    );
    this.#drawPlace();
    this.#frame.soon();
  }

  fail(error: unknown): void {
    this.#list.replaceChildren(note(`This comparison cannot be shown: ${String(error)}`));
  }

  #sameItem(pairs: readonly StepPair[]): HTMLElement {
    const steps = h("div", { class: "same-steps", hidden: true });
    const label = `${plural(pairs.length, "step")} the same`;
    const button = h("button", { class: "fold", "aria-expanded": "false" }, icon("right"), label);
    button.addEventListener("click", () => {
      if (steps.childElementCount === 0) steps.append(...pairs.map(sameElement));
      steps.hidden = !steps.hidden;
      button.setAttribute("aria-expanded", String(!steps.hidden));
    });
    return h("li", { class: "same" }, button, steps);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { n: 1, p: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#go(this.#at + step);
  }

  /** Bring a difference into sight; past either end nothing happens but a word. */
  #go(at: number): void {
    const { length } = this.#differences;
    if (at < 0 || at >= length) {
      this.#frame.say(
        length === 0 ? "no difference" : at < 0 ? "first difference" : "last difference",
      );
      return;
    }
    this.#select(at);
    const element = this.#differences[at]!;
    const list = this.#list.getBoundingClientRect();
    this.#list.scrollTop += element.getBoundingClientRect().top - list.top - 8;
    const pair = this.#pairs.filter((one) => !isSame(one))[at]!;
    this.#frame.announce(`${at + 1} of ${length}: ${pair.name}, ${pair.what}`);
  }

  #select(at: number): void {
    this.#differences[this.#at]?.removeAttribute("aria-current");
    this.#at = at;
    this.#differences[at]?.setAttribute("aria-current", "true");
    this.#drawPlace();
  }

  #drawPlace(): void {
    const { length } = this.#differences;
    setText(
      this.#place,
      length === 0 ? "" : `${this.#at < 0 ? "–" : count(this.#at + 1)} of ${count(length)}`,
    );
    this.#previous.disabled = this.#at <= 0;
    this.#next.disabled = this.#at + 1 >= length;
  }
}

function columnName(side: string, name: string): HTMLElement {
  return h("div", {}, h("b", { text: side }), ` ${visibleLine(name)}`);
}

function totalElement({ name, a, b }: Total): HTMLElement {
  const number = (value: number) => (Number.isInteger(value) ? count(value) : value.toPrecision(4));
  const change = b - a;
  const sign = change > 0 ? "+" : "−";
  return h(
    "span",
    {},
    `${name} `,
    h("b", { text: number(a) }),
    " to ",
    h("b", { text: number(b) }),
    change === 0 ? "" : ` (${sign}${number(Math.abs(change))})`,
  );
}

function note(text: string): HTMLElement {
  return h("li", { class: "note", text });
}
