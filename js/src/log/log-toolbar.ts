// Search, "only matches", and the levels with their counts.

import { count } from "../base/format.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { SearchBox, toggle } from "../ui/search-box.ts";
import { LEVELS } from "./entries.ts";
import type { Finding } from "./finding.ts";
import type { LogSession } from "./log-session.ts";

const LEVEL_ICONS = ["", "cross", "triangle", "dot", "ring"] as const;
const AROUND = [0, 1, 2, 5, 10, 50];

/** What the toolbar asks of the panes. */
export interface Finds {
  /** Go to the next find, in the pane that is meant. */
  next(direction: 1 | -1): void;
  /** Which find of how many the pane stands at: [0, n] before the first step. */
  readonly place: [number, number];
  leave(): void;
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly #search: SearchBox;
  readonly #only = toggle("only matches", "hide lines that do not match");
  readonly #around = h("select", {
    title: "lines around each match",
    "aria-label": "Context lines",
  });
  readonly #chips: HTMLButtonElement[] = [];
  readonly #amounts: HTMLElement[] = [];

  constructor(
    private readonly session: LogSession,
    private readonly finding: Finding,
    private readonly finds: Finds,
    signal: AbortSignal,
  ) {
    const searching = {
      label: "Search in the output",
      title: "search in the output (/ or Ctrl+F); n and N step",
      changed: (options: Parameters<Finding["setSearch"]>[0]) => finding.setSearch(options),
      step: (direction: 1 | -1) => finds.next(direction),
      leave: () => finds.leave(),
    };
    this.#search = new SearchBox(searching, signal);
    for (const lines of AROUND)
      this.#around.append(h("option", { value: lines, text: `± ${lines}` }));
    this.#around.value = "2";
    this.#only.classList.add("only");
    const lines = () => Number(this.#around.value);
    const flip = () => finding.setAround(finding.around === null ? lines() : null);
    on(this.#only, "click", flip, signal);
    const change = () => finding.around !== null && finding.setAround(lines());
    on(this.#around, "change", change, signal);
    const only = h("span", { class: "only-box" }, this.#only, this.#around);
    this.element = h("div", { class: "toolbar" }, this.#search.element, only, this.#levels(signal));
  }

  draw(): void {
    const { finding } = this;
    const slow = finding.search?.tooSlow ? "pattern too slow" : "";
    this.#search.show(this.#position(), finding.error || slow);
    this.#only.disabled = finding.query === null;
    this.#around.disabled = finding.query === null;
    const only = finding.around !== null && finding.query !== null;
    setAttribute(this.#only, "aria-pressed", String(only));
    const { counts } = this.session.classifier;
    for (let level = 1; level < LEVELS.length; level++) {
      const number = counts.stdout[level]! + counts.stderr[level]!;
      const chip = this.#chips[level]!;
      chip.hidden = number === 0;
      setText(this.#amounts[level]!, count(number));
      setAttribute(chip, "aria-pressed", String(finding.level === level));
      setAttribute(chip, "aria-label", `${count(number)} ${LEVELS[level]} lines, show only these`);
    }
  }

  focusSearch(): void {
    this.#search.focus();
  }

  /** To the next find, or to the box while nothing is looked for. */
  findNext(direction: 1 | -1): void {
    this.#search.step(direction);
  }

  #position(): string {
    const { search } = this.finding;
    if (!search) return "";
    const [at, all] = this.finds.place;
    const total = `${count(all)}${search.complete ? "" : "…"}`;
    return at > 0 ? `${count(at)}/${total}` : all === 0 && search.complete ? "none" : total;
  }

  #levels(signal: AbortSignal): HTMLElement {
    const box = h("span", { class: "levels", role: "group", "aria-label": "Levels" });
    for (let level = 1; level < LEVELS.length; level++) {
      const amount = h("span", { class: "amount" });
      const sign = icon(LEVEL_ICONS[level]!, "level-sign");
      const title = `show only ${LEVELS[level]} lines`;
      const chip = h("button", { class: "chip", title }, sign, amount);
      chip.dataset.level = String(level);
      on(chip, "click", () => this.finding.setLevel(level), signal);
      this.#chips[level] = chip;
      this.#amounts[level] = amount;
      box.append(chip);
    }
    return box;
  }
}
