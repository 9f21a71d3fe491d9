// Search, "only matches", and the levels with their counts.

import { count } from "../base/format.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { LEVELS } from "./entries.ts";
import type { View } from "./log-view.ts";

const LETTERS = ["", "✗", "▲", "●", "·"] as const;
const AROUND = [0, 1, 2, 5, 10, 50];

export class Toolbar {
  readonly element: HTMLElement;
  readonly #search = h("input", {
    type: "search",
    class: "search",
    placeholder: "search",
    title: "search in the output (/ or Ctrl+F); n and N step",
    "aria-label": "Search in the output",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  readonly #at = h("span", { class: "at", role: "status" });
  readonly #regex = switched(".*", "regular expression");
  readonly #case = switched("Aa", "match case");
  readonly #only = switched("only matches", "hide lines that do not match");
  readonly #around = h("select", {
    title: "lines around each match",
    "aria-label": "Context lines",
  });
  readonly #chips: HTMLButtonElement[] = [];
  readonly #amounts: HTMLElement[] = [];

  constructor(private readonly view: View) {
    const { signal } = view;
    const previous = step("‹", "previous (N)");
    const next = step("›", "next (n)");
    on(previous, "click", () => view.findNext(-1), signal);
    on(next, "click", () => view.findNext(1), signal);
    for (const lines of AROUND)
      this.#around.append(h("option", { value: lines, text: `± ${lines}` }));
    this.#around.value = "2";
    this.#only.classList.add("only");
    this.#listen(signal);
    const box = h("div", { class: "search-box", role: "search" }, this.#search, this.#at);
    box.append(previous, next, this.#regex, this.#case);
    const only = h("span", { class: "only-box" }, this.#only, this.#around);
    this.element = h("div", { class: "toolbar" }, box, only, this.#levels());
  }

  draw(): void {
    const { view } = this;
    setText(this.#at, this.#position());
    this.#at.dataset.bad = String(view.queryError !== "");
    setAttribute(this.#at, "title", view.queryError || null);
    this.#only.disabled = view.query === null;
    this.#around.disabled = view.query === null;
    setAttribute(this.#only, "aria-pressed", String(view.around !== null && view.query !== null));
    const { counts } = view.session.classifier;
    for (let level = 1; level < LEVELS.length; level++) {
      const number = counts.stdout[level]! + counts.stderr[level]!;
      const chip = this.#chips[level]!;
      chip.hidden = number === 0;
      setText(this.#amounts[level]!, count(number));
      setAttribute(chip, "aria-pressed", String(view.level === level));
      setAttribute(chip, "aria-label", `${count(number)} ${LEVELS[level]} lines, show only these`);
    }
  }

  focusSearch(): void {
    this.#search.focus();
    this.#search.select();
  }

  #position(): string {
    const { view } = this;
    if (view.queryError) return view.queryError;
    if (!view.search) return "";
    const [at, all] = view.findPlace;
    if (view.search.tooSlow) return "pattern too slow";
    const total = `${count(all)}${view.search.complete ? "" : "…"}`;
    return at > 0 ? `${count(at)}/${total}` : all === 0 && view.search.complete ? "none" : total;
  }

  #levels(): HTMLElement {
    const box = h("span", { class: "levels", role: "group", "aria-label": "Levels" });
    for (let level = 1; level < LEVELS.length; level++) {
      const amount = h("span", { class: "amount" });
      const sign = h("span", { class: "level-sign", "aria-hidden": "true", text: LETTERS[level]! });
      const title = `show only ${LEVELS[level]} lines`;
      const chip = h("button", { class: "chip", title }, sign, amount);
      chip.dataset.level = String(level);
      on(chip, "click", () => this.view.setLevel(level), this.view.signal);
      this.#chips[level] = chip;
      this.#amounts[level] = amount;
      box.append(chip);
    }
    return box;
  }

  #listen(signal: AbortSignal): void {
    const { view } = this;
    const apply = () =>
      view.setSearch(this.#search.value, {
        regex: pressed(this.#regex),
        matchCase: pressed(this.#case),
      });
    on(this.#search, "input", apply, signal);
    for (const button of [this.#regex, this.#case]) {
      const flip = () => {
        button.setAttribute("aria-pressed", String(!pressed(button)));
        apply();
      };
      on(button, "click", flip, signal);
    }
    const lines = () => Number(this.#around.value);
    on(this.#only, "click", () => view.setAround(view.around === null ? lines() : null), signal);
    on(this.#around, "change", () => view.around !== null && view.setAround(lines()), signal);
    const key = (event: KeyboardEvent) => {
      if (event.key === "Enter") view.findNext(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape" && this.#search.value === "") view.focusPane();
      else if (event.key === "ArrowDown") view.focusPane();
    };
    on(this.#search, "keydown", key, signal);
  }
}

function switched(text: string, title: string): HTMLButtonElement {
  const props = { class: "toggle", "aria-pressed": "false", title, text };
  // What is said begins with what is seen, so that it can be called by that.
  return h("button", { ...props, "aria-label": `${text}: ${title}` });
}

function pressed(button: HTMLElement): boolean {
  return button.getAttribute("aria-pressed") === "true";
}

function step(text: string, title: string): HTMLButtonElement {
  return h("button", { class: "step", title, "aria-label": title, text });
}
