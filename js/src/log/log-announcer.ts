// What a screen reader hears: counts at most every five seconds, the end once. Never each line.

import { plural } from "../base/format.ts";
import { h } from "../ui/dom.ts";
import type { Status } from "./log-status.ts";

const EVERY_MS = 5000;

export class Speech {
  readonly element = h("div", { class: "axon-hidden", role: "status", "aria-live": "polite" });
  #at = 0;
  #rows = 0;
  #end = "";

  /** Say something now, for example that a copy was made. */
  say(text: string): void {
    this.element.textContent = text;
  }

  update({ sign, word, line }: Status, rows: number, following: boolean, now: number): void {
    const end = sign === "done" || sign === "bad" ? [word, line].filter(Boolean).join(": ") : "";
    if (end && end !== this.#end) {
      this.#end = end;
      this.say(end);
      return;
    }
    const fresh = rows - this.#rows;
    if (fresh <= 0 || now - this.#at < EVERY_MS) return;
    this.#at = now;
    this.#rows = rows;
    this.say(`${plural(fresh, "new line")}${following ? ", following" : ""}`);
  }
}
