// Filter and search: two boxes, told apart. The filter hides, the search only marks.

import { count } from "../base/format.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import type { View } from "./event-view.ts";

const FILTER_AFTER_MS = 60;
const HINT =
  'word  "two words"  -leave out  /regex/i  type:tool.*  source:  origin:agent  seq:100..200  after:10:02  usage.in>1000';

export class Toolbar {
  readonly element: HTMLElement;
  readonly #filter = h("input", {
    type: "search",
    class: "filter",
    placeholder: "filter   type:tool.* -heartbeat /retry \\d+/",
    title: HINT,
    "aria-label": "Filter events",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  readonly #error = h("div", { class: "filter-error", role: "alert" });
  readonly #brush = h("button", {
    class: "brush-chip",
    title: "show all times again",
  });
  readonly #shown = h("span", { class: "shown" });
  readonly #search = h("input", {
    type: "search",
    class: "search",
    placeholder: "search",
    title: "mark without hiding (/ or Ctrl+F); n and N step",
    "aria-label": "Search in shown events",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  readonly #at = h("span", { class: "at" });
  readonly #regex = toggle(".*", "regular expression");
  readonly #case = toggle("Aa", "match case");
  #timer = 0;
  #written = "";

  constructor(private readonly view: View) {
    const { signal } = view;
    const previous = step("‹", "previous find (N)");
    const next = step("›", "next find (n)");
    on(previous, "click", () => view.pointing.findNext(-1), signal);
    on(next, "click", () => view.pointing.findNext(1), signal);
    on(this.#brush, "click", () => view.showing.setBrush(null), signal);
    this.#listenFilter(signal);
    this.#listenSearch(signal);
    this.element = h(
      "div",
      { class: "toolbar" },
      h("div", { class: "filter-box" }, this.#filter, this.#brush, this.#shown),
      h(
        "div",
        { class: "search-box", role: "search" },
        this.#search,
        this.#at,
        previous,
        next,
        this.#regex,
        this.#case,
      ),
      this.#error,
    );
  }

  draw(): void {
    this.#write();
    const { view } = this;
    const { search } = view.pointing;
    const { showing } = view;
    setText(this.#error, showing.filterError);
    this.#error.hidden = showing.filterError === "";
    setAttribute(this.#filter, "aria-invalid", showing.filterError ? "true" : null);
    const all = view.session.store.size;
    const progress = showing.rows.complete ? "" : " …";
    setText(
      this.#shown,
      !showing.everything ? `${count(showing.rows.hits)} of ${count(all)}${progress}` : "",
    );
    this.#brush.hidden = showing.brush === null;
    setText(this.#brush, showing.brushText);
    setText(this.#at, this.#position());
    this.#at.dataset.bad = String(search.error !== "");
  }

  /** Show a filter that came from elsewhere (a chip, a value, Python), unless the user types. */
  #write(): void {
    const { filterText } = this.view.showing;
    if (filterText === this.#written) return;
    this.#written = filterText;
    if (this.#filter.value.trim() !== filterText) this.#filter.value = filterText;
  }

  focusSearch(): void {
    this.#search.focus();
    this.#search.select();
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  #position(): string {
    const { search, findIndex } = this.view.pointing;
    if (search.error) return search.error;
    if (!search.active) return "";
    const total = `${count(search.found.length)}${search.complete ? "" : "…"}`;
    return findIndex >= 0 ? `${count(findIndex + 1)}/${total}` : total;
  }

  #listenFilter(signal: AbortSignal): void {
    const apply = () => {
      clearTimeout(this.#timer);
      this.view.showing.setFilter(this.#filter.value);
    };
    on(
      this.#filter,
      "input",
      () => {
        clearTimeout(this.#timer);
        this.#timer = window.setTimeout(apply, FILTER_AFTER_MS);
      },
      signal,
    );
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
    on(
      this.#filter,
      "keydown",
      (event) => {
        if (event.key === "Enter") apply();
        if (event.key === "Escape" || event.key === "ArrowDown") this.#leave(event);
      },
      signal,
    );
  }

  #listenSearch(signal: AbortSignal): void {
    const apply = () =>
      this.view.pointing.setSearch({
        text: this.#search.value,
        regex: pressed(this.#regex),
        matchCase: pressed(this.#case),
      });
    on(this.#search, "input", apply, signal);
    for (const button of [this.#regex, this.#case]) {
      on(
        button,
        "click",
        () => {
          button.setAttribute("aria-pressed", String(!pressed(button)));
          apply();
        },
        signal,
      );
    }
    on(
      this.#search,
      "keydown",
      (event) => {
        if (event.key === "Enter") this.view.pointing.findNext(event.shiftKey ? -1 : 1);
        if (event.key === "Escape" && this.#search.value === "") this.#leave(event);
      },
      signal,
    );
  }

  #leave(event: KeyboardEvent): void {
    event.preventDefault();
    this.view.focusList();
  }
}

function toggle(text: string, title: string): HTMLButtonElement {
  return h("button", {
    class: "toggle",
    "aria-pressed": "false",
    title,
    "aria-label": title,
    text,
  });
}

function pressed(button: HTMLElement): boolean {
  return button.getAttribute("aria-pressed") === "true";
}

function step(text: string, title: string): HTMLButtonElement {
  return h("button", { class: "step", title, "aria-label": title, text });
}
