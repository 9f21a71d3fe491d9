// Chips with counts per kind or type, menus for type, source and origin. A click edits the filter text.

import { count } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { type EventKind, KIND_HUES } from "../events/event-kinds.ts";
import type { Store } from "../events/event-store.ts";
import type { Counted, Totals } from "../events/tally.ts";
import { shortOrigin } from "../filter/filter.ts";
import { type FacetKey, facetState, setFacet } from "../filter/terms.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { entry, type Menu, menu } from "../ui/menu.ts";
import { SHAPES } from "./row.ts";
import type { Showing } from "./showing.ts";

const CHIPS = 9;
const MENU_ENTRIES = 200;

/** Axons have a strip of their own. */
type MenuKey = Exclude<FacetKey, "axon">;

export class Facets {
  readonly element: HTMLElement;
  readonly #chips = h("div", { class: "chips", role: "group", "aria-label": "Types" });
  readonly #byName = new Map<string, HTMLButtonElement>();
  readonly #menus: HTMLElement;
  /** Chips keep their order while it is nearly right: a moving target cannot be clicked. */
  #order: string[] = [];
  /** What the chips stand for. */
  #key: "kind" | "type" = "type";

  constructor(
    private readonly store: Store,
    private readonly totals: () => Totals,
    private readonly showing: Showing,
    signal: AbortSignal,
  ) {
    const facet = (key: MenuKey): Menu => {
      const label = { text: key === "type" ? "types" : key, icon: "down" as const };
      const made = menu(label, `all ${key}s with counts`, signal, () => this.#fill(made, key));
      return made;
    };
    this.#menus = h(
      "div",
      { class: "facet-menus" },
      ...(["type", "source", "origin"] as const).map((key) => facet(key).element),
    );
    this.element = h("div", { class: "facets" }, this.#chips, this.#menus);
  }

  draw(): void {
    const names = this.#names();
    const shown = ranked(names).slice(0, CHIPS);
    if (shown.some((name) => !this.#order.includes(name))) this.#arrange(shown);
    const { only, not } = facetState(this.showing.filterText, this.#key);
    for (const [name, chip] of this.#byName) {
      const amount = names.counts[names.find(name)] ?? 0;
      setText(chip.lastElementChild!, count(amount));
      setAttribute(chip, "aria-pressed", String(only.has(name)));
      chip.dataset.not = String(not.has(name));
    }
    this.element.hidden = shown.length === 0;
  }

  /** Where an agent speaks, kinds are told apart; elsewhere there is nothing but the types. */
  #names(): Counted {
    const { kinds, types } = this.totals();
    const key = kinds.names.some((name, code) => name !== "other" && kinds.counts[code]! > 0)
      ? "kind"
      : "type";
    if (key !== this.#key) {
      this.#key = key;
      this.#order = [];
      this.#chips.setAttribute("aria-label", key === "kind" ? "Kinds" : "Types");
    }
    return key === "kind" ? kinds : types;
  }

  #arrange(names: string[]): void {
    this.#order = names;
    this.#byName.clear();
    for (const name of names) this.#byName.set(name, this.#chip(name));
    this.#chips.replaceChildren(...this.#byName.values());
  }

  #chip(name: string): HTMLButtonElement {
    const title = `only ${name}; with Alt, or the Delete key: leave it out`;
    const { shape, hue } = this.#lookOf(name);
    const parts = [h("span", { class: "name", text: visibleLine(name) }), h("span")];
    parts[1]!.className = "amount";
    const chip = h("button", { class: "chip", title }, icon(SHAPES[shape], "shape"), ...parts);
    chip.style.setProperty("--hue", `var(--c${hue})`);
    chip.addEventListener("click", (event) =>
      this.#toggle(this.#key, name, event.altKey || event.shiftKey),
    );
    chip.addEventListener("keydown", (event) => {
      if (event.key === "Delete" || event.key === "-") this.#toggle(this.#key, name, true);
    });
    return chip;
  }

  #lookOf(name: string): { shape: keyof typeof SHAPES; hue: number } {
    if (this.#key === "kind") return { shape: "plain", hue: KIND_HUES[name as EventKind] };
    return this.store.looks[this.store.types.find(name)]!;
  }

  #toggle(key: FacetKey, name: string, exclude: boolean): void {
    const { only, not } = facetState(this.showing.filterText, key);
    const isSet = exclude ? not.has(name) : only.has(name) || not.has(name);
    this.showing.setFilter(
      setFacet(this.showing.filterText, key, name, isSet ? "any" : exclude ? "not" : "only"),
    );
  }

  #fill(into: Menu, key: MenuKey): void {
    const names = this.totals()[`${key}s`];
    const { only } = facetState(this.showing.filterText, key);
    const entries = ranked(names)
      .slice(0, MENU_ENTRIES)
      .map((name) => {
        const shown = key === "origin" ? shortOrigin(name) : visibleLine(name);
        const label = `${shown || "(none)"}  ${count(names.counts[names.find(name)] ?? 0)}`;
        return entry(
          label,
          () => {
            this.#toggle(key, name, false);
            this.#fill(into, key);
          },
          only.has(name),
        );
      });
    into.fill(...entries);
  }
}

/** Names that occur, the most frequent first. */
function ranked(names: Counted): string[] {
  return names.names
    .map((name, code) => ({ name, amount: names.counts[code] ?? 0 }))
    .filter(({ name, amount }) => name !== "" && amount > 0)
    .sort((a, b) => b.amount - a.amount)
    .map(({ name }) => name);
}
