// What a screen reader hears: counts at most every five seconds, an end or a failure once.

import { count, plural } from "../base/format.ts";
import type { Status } from "../events/event-status.ts";
import type { Store } from "../events/event-store.ts";

const EVERY_MS = 5000;

export class Announcer {
  #at = Number.NEGATIVE_INFINITY;
  #size = 0;
  #errors = 0;
  #word = "";

  /** What is to be said now; "" for nothing. */
  news(status: Status, store: Store, following: boolean, now: number): string {
    const { word } = status;
    if (word !== this.#word && (status.sign === "bad" || word === "ended")) {
      this.#word = word;
      return [word, status.line].filter(Boolean).join(": ");
    }
    if (now - this.#at < EVERY_MS || store.size === this.#size) return "";
    this.#at = now;
    this.#word = word;
    return this.#counts(store, following);
  }

  #counts(store: Store, following: boolean): string {
    const failed = store.errors - this.#errors;
    const fresh = plural(store.size - this.#size, "new event");
    this.#size = store.size;
    this.#errors = store.errors;
    const errors = failed > 0 ? `${count(failed)} of them errors` : "";
    return [fresh, errors, following ? "following" : ""].filter(Boolean).join(", ");
  }
}
