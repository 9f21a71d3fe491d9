// Entries one below the other, the newest ones; each has one view for good.

import { count } from "../base/format.ts";
import type { Entry } from "../trace/model.ts";
import { h, setText } from "../ui/dom.ts";
import type { Around, ItemView } from "./around.ts";

/** More than this are shown when asked for. */
const MOST_ITEMS = 200;

export class ItemList {
  readonly element: HTMLElement;
  readonly #items = h("div", { class: "items" });
  readonly #earlier = h("button", { class: "more earlier", hidden: true });
  readonly #views = new Map<Entry, ItemView>();
  #most = MOST_ITEMS;
  #drawn: readonly Entry[] = [];
  #now = 0;

  constructor(
    private readonly around: Around,
    name: string,
  ) {
    this.element = h("div", { class: name }, this.#earlier, this.#items);
    this.#earlier.addEventListener("click", () => {
      this.#most *= 4;
      this.draw(this.#drawn, this.#now);
      around.changed();
    });
  }

  draw(entries: readonly Entry[], now: number): void {
    this.#drawn = entries;
    this.#now = now;
    const from = Math.max(0, entries.length - this.#most);
    this.#earlier.hidden = from === 0;
    if (from > 0) setText(this.#earlier, `show ${count(from)} earlier`);
    let at: Element | null = this.#items.firstElementChild;
    for (const entry of entries.slice(from)) {
      let view = this.#views.get(entry);
      if (!view) {
        view = this.around.view(entry);
        this.#views.set(entry, view);
      }
      if (at === view.element) at = at.nextElementSibling;
      else this.#items.insertBefore(view.element, at);
      view.draw(now);
    }
    while (at) {
      const next: Element | null = at.nextElementSibling;
      at.remove();
      at = next;
    }
  }
}
