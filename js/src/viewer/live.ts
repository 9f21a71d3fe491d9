// What a screen reader hears: counts at most every five seconds, an end or a failure once.

import { h } from "../dom.ts";
import { count, plural, type Status } from "./status.ts";

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

  update(status: Status, size: number, errors: number, following: boolean, now: number): void {
    if (status.word !== this.#word && (status.sign === "bad" || status.word === "ended")) {
      this.#word = status.word;
      this.say([status.word, status.line].filter(Boolean).join(": "));
      return;
    }
    if (now - this.#at < EVERY_MS || size === this.#size) return;
    this.#at = now;
    this.#word = status.word;
    const failed = errors - this.#errors;
    const parts = [
      `${plural(size - this.#size, "new event")}`,
      failed > 0 ? `${count(failed)} failed` : "",
      following ? "following" : "",
    ];
    this.#size = size;
    this.#errors = errors;
    this.say(parts.filter(Boolean).join(", "));
  }
}
