// What a screen reader hears: counts at most every five seconds, the end once. Never each line.

import { plural } from "../base/format.ts";
import type { Status } from "./log-status.ts";

const EVERY_MS = 5000;

export class LogAnnouncer {
  #at = 0;
  #rows = 0;
  #end = "";

  /** What is to be said now; "" for nothing. */
  news({ sign, word, line }: Status, rows: number, following: boolean, now: number): string {
    const end = sign === "done" || sign === "bad" ? [word, line].filter(Boolean).join(": ") : "";
    if (end && end !== this.#end) {
      this.#end = end;
      return end;
    }
    const fresh = rows - this.#rows;
    if (fresh <= 0 || now - this.#at < EVERY_MS) return "";
    this.#at = now;
    this.#rows = rows;
    return `${plural(fresh, "new line")}${following ? ", following" : ""}`;
  }
}
