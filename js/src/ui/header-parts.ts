// What the first lines of every widget share: the sign of a state, a switch, the line for states
// that need words.

import { visibleLine } from "../base/visible.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { type IconName, icon, setIcon } from "./icons.ts";

export const SIGNS = {
  live: "dot",
  busy: "arc",
  off: "square",
  warn: "diamond",
  bad: "triangle",
  done: "check",
} as const;

export interface StateWords {
  sign: keyof typeof SIGNS;
  word: string;
  /** A line of its own under the header; "" for none. */
  line: string;
  /** The kernel can be asked to try at once. */
  retry: boolean;
}

/** The sign and word of a state; its colour is the header's `data-sign`. */
export class StateSign {
  readonly #sign = icon("", "sign");
  readonly #word = h("span", { class: "word" });
  readonly element = h("span", { class: "state" }, this.#sign, this.#word);

  draw({ sign, word }: StateWords): void {
    setIcon(this.#sign, SIGNS[sign]);
    setText(this.#word, word);
  }
}

/** The line under the header. */
export class StateLine {
  readonly #text = h("span");
  readonly #retry = h("button", { class: "retry", text: "retry now" });
  readonly element = h("div", { class: "state-line" }, this.#text, this.#retry);

  constructor(retry: () => void, ...more: Node[]) {
    this.#retry.addEventListener("click", retry);
    this.element.append(...more);
  }

  draw(sign: StateWords["sign"], line: string, retry: boolean): void {
    this.element.hidden = line === "";
    this.element.dataset.sign = sign;
    setText(this.#text, visibleLine(line));
    this.#retry.hidden = !retry;
  }
}

/** A button with an icon and a word; where room is short only the icon is seen. */
export class Switch {
  readonly #icon: SVGSVGElement;
  readonly #label: HTMLElement;
  readonly element: HTMLButtonElement;

  constructor(name: IconName, label: string, title: string, className = "") {
    this.#icon = icon(name);
    this.#label = h("span", { class: "label", text: label });
    const props = { class: className, title, "aria-label": label };
    this.element = h("button", props, this.#icon, this.#label);
  }

  draw(pressed: boolean): void {
    setAttribute(this.element, "aria-pressed", String(pressed));
  }

  become(name: IconName, label: string, title: string): void {
    setIcon(this.#icon, name);
    setText(this.#label, label);
    setAttribute(this.element, "aria-label", label);
    setAttribute(this.element, "title", title);
  }
}
