// The search box of a list: text, regular expression, case, next and previous.

import { h, on, setAttribute, setText } from "./dom.ts";
import { type IconName, icon } from "./icons.ts";

export interface SearchOptions {
  text: string;
  regex: boolean;
  matchCase: boolean;
}

export interface Searching {
  /** Of the box: "Search in the output". */
  label: string;
  title: string;
  changed(options: SearchOptions): void;
  step(direction: 1 | -1): void;
  /** Back to the list. */
  leave(): void;
}

/** What every box for typing has: the browser changes nothing that is typed. */
export const TYPED = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" } as const;

export class SearchBox {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #at = h("span", { class: "at", role: "status" });
  readonly #regex = toggle(".*", "regular expression");
  readonly #case = toggle("Aa", "match case");

  constructor(
    private readonly search: Searching,
    signal: AbortSignal,
  ) {
    const { label, title } = search;
    const props = { type: "search", class: "search", placeholder: "search", ...TYPED };
    this.#input = h("input", { ...props, title, "aria-label": label });
    const previous = step("left", "previous (N)");
    const next = step("right", "next (n)");
    const parts = [this.#input, this.#at, previous, next, this.#regex, this.#case];
    this.element = h("div", { class: "search-box", role: "search" }, ...parts);
    on(previous, "click", () => this.step(-1), signal);
    on(next, "click", () => this.step(1), signal);
    on(this.#input, "input", () => this.#changed(), signal);
    on(this.#input, "keydown", (event) => this.#key(event), signal);
    for (const button of [this.#regex, this.#case]) {
      on(button, "click", () => this.#flip(button), signal);
    }
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  /** Without a text there is nothing to step through: ask for one. */
  step(direction: 1 | -1): void {
    if (this.#input.value === "") this.focus();
    else this.search.step(direction);
  }

  /** Where in how many finds, or what is wrong with the pattern. */
  show(position: string, error: string): void {
    setText(this.#at, error || position);
    this.#at.dataset.bad = String(error !== "");
    setAttribute(this.#at, "title", error || null);
  }

  #changed(): void {
    this.search.changed({
      text: this.#input.value,
      regex: pressed(this.#regex),
      matchCase: pressed(this.#case),
    });
  }

  #flip(button: HTMLElement): void {
    button.setAttribute("aria-pressed", String(!pressed(button)));
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    const leaves = event.key === "Escape" && this.#input.value === "";
    if (!leaves && event.key !== "ArrowDown") return;
    event.preventDefault();
    this.search.leave();
  }
}

/** A button that is on or off; its name begins with what is seen, so that it can be called by it. */
export function toggle(text: string, title: string): HTMLButtonElement {
  const props = { class: "toggle", "aria-pressed": "false", title, text };
  return h("button", { ...props, "aria-label": text === title ? text : `${text}: ${title}` });
}

function pressed(button: HTMLElement): boolean {
  return button.getAttribute("aria-pressed") === "true";
}

function step(name: IconName, title: string): HTMLButtonElement {
  return h("button", { class: "step", title, "aria-label": title }, icon(name));
}
