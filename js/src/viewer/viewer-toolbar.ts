// Filter and search: two boxes, told apart. The filter hides, the search only marks.

import { count } from "../base/format.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { SearchBox, TYPED } from "../ui/search-box.ts";
import type { Pointing } from "./pointing.ts";
import type { Showing } from "./showing.ts";

const FILTER_AFTER_MS = 60;
const HINT =
  'word  "two words"  -leave out  /regex/i  type:tool.*  axon:  source:  origin:agent  seq:100..200  after:10:02  usage.in>1000';

export class Toolbar {
  readonly element: HTMLElement;
  readonly #filter = h("input", {
    type: "search",
    class: "filter",
    placeholder: "filter   type:tool.* -heartbeat /retry \\d+/",
    title: HINT,
    "aria-label": "Filter events",
    ...TYPED,
  });
  readonly #error = h("div", { class: "filter-error", role: "alert" });
  readonly #brushText = h("span");
  readonly #brush = h(
    "button",
    { class: "brush-chip", title: "show all times again" },
    this.#brushText,
    icon("cross"),
  );
  readonly #shown = h("span", { class: "shown" });
  readonly #search: SearchBox;
  #timer = 0;
  #written = "";

  /** `leave` gives the focus back to the list. */
  constructor(
    private readonly showing: Showing,
    private readonly pointing: Pointing,
    private readonly leave: () => void,
    signal: AbortSignal,
  ) {
    const searching = {
      label: "Search in shown events",
      title: "mark without hiding (/ or Ctrl+F); n and N step",
      changed: (options: Parameters<Pointing["setSearch"]>[0]) => pointing.setSearch(options),
      step: (direction: 1 | -1) => pointing.findNext(direction),
      leave,
    };
    this.#search = new SearchBox(searching, signal);
    on(this.#brush, "click", () => showing.setBrush(null), signal);
    this.#listenFilter(signal);
    const filter = h("div", { class: "filter-box" }, this.#filter, this.#brush, this.#shown);
    this.element = h("div", { class: "toolbar" }, filter, this.#search.element, this.#error);
  }

  draw(all: number): void {
    this.#write();
    const { showing } = this;
    setText(this.#error, showing.filterError);
    this.#error.hidden = showing.filterError === "";
    setAttribute(this.#filter, "aria-invalid", showing.filterError ? "true" : null);
    const progress = showing.rows.complete ? "" : " …";
    const shown = `${count(showing.rows.hits)} of ${count(all)}${progress}`;
    setText(this.#shown, showing.everything ? "" : shown);
    this.#brush.hidden = showing.brush === null;
    setText(this.#brushText, showing.brushText);
    this.#search.show(this.#position(), this.pointing.search.error);
  }

  focusSearch(): void {
    this.#search.focus();
  }

  /** To the next find, or to the box while nothing is looked for. */
  findNext(direction: 1 | -1): void {
    this.#search.step(direction);
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  /** Show a filter that came from elsewhere (a chip, a value, Python), unless the user types. */
  #write(): void {
    const { filterText } = this.showing;
    if (filterText === this.#written || this.#timer !== 0) return;
    this.#written = filterText;
    if (this.#filter.value.trim() !== filterText) this.#filter.value = filterText;
  }

  #position(): string {
    const { search, findIndex } = this.pointing;
    if (!search.active) return "";
    const total = `${count(search.found.length)}${search.complete ? "" : "…"}`;
    return findIndex >= 0 ? `${count(findIndex + 1)}/${total}` : total;
  }

  #listenFilter(signal: AbortSignal): void {
    const apply = () => {
      clearTimeout(this.#timer);
      this.#timer = 0;
      // What was typed since is not overwritten when the next frame shows this filter.
      this.#written = this.#filter.value.trim();
      this.showing.setFilter(this.#filter.value);
    };
    const typed = () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(apply, FILTER_AFTER_MS);
    };
    const key = (event: KeyboardEvent) => {
      if (event.key === "Enter") apply();
      if (event.key !== "Escape" && event.key !== "ArrowDown") return;
      event.preventDefault();
      this.leave();
    };
    on(this.#filter, "input", typed, signal);
    on(this.#filter, "keydown", key, signal);
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }
}
