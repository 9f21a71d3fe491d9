// What a screen reader hears: counts at most every five seconds, an end or a failure once.

import { count, plural } from "../base/format.ts";
import type { Status } from "../events/event-status.ts";
import type { Store } from "../events/event-store.ts";
import { h } from "../ui/dom.ts";

const EVERY_MS = 5000;

export class LiveRegion {
  readonly element = h("div", { class: "axon-hidden", role: "status", "aria-live": "polite" });
  #at = Number.NEGATIVE_INFINITY;
  #size = 0;
  #errors = 0;
  #word = "";

  /** Say something now, for example that a copy was made. */
  say(text: string): void {
    this.element.textContent = text;
  }

  update(status: Status, store: Store, following: boolean, now: number): void {
    const { word } = status;
    if (word !== this.#word && (status.sign === "bad" || word === "ended")) {
      this.#word = word;
      this.say([word, status.line].filter(Boolean).join(": "));
      return;
    }
    if (now - this.#at < EVERY_MS || store.size === this.#size) return;
    this.#at = now;
    this.#word = word;
    this.say(this.#news(store, following));
  }

  #news(store: Store, following: boolean): string {
    const errors = store.errors;
    const failed = errors - this.#errors;
    const fresh = plural(store.size - this.#size, "new event");
    this.#size = store.size;
    this.#errors = errors;
    return [
      fresh,
      failed > 0 ? `${count(failed)} of them errors` : "",
      following ? "following" : "",
    ]
      .filter(Boolean)
      .join(", ");
  }
}
