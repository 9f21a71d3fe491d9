// A very long line by itself: wrapped, more of it on demand, and whole on the clipboard.

import { count, size } from "../base/format.ts";
import { copyText, h, on, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { LogSession } from "./log-session.ts";

const PART_BYTES = 512 * 1024;
const WHOLE = 1 << 30;

export class LineSheet {
  readonly element = h("div", { class: "sheet", role: "dialog", "aria-label": "Long line" });
  readonly #title = h("span", { class: "title" });
  readonly #text = h("pre", { class: "whole", tabindex: 0 });
  readonly #more = h("button", { class: "more-button" });
  #row = -1;
  #limit = PART_BYTES;

  /** `closed` gives the focus back. */
  constructor(
    private readonly session: LogSession,
    private readonly display: Display,
    private readonly closed: () => void,
  ) {
    const copy = h("button", { text: "Copy line" });
    const name = { title: "close (Esc)", "aria-label": "close" };
    const close = h("button", name, icon("cross"));
    const head = h("div", { class: "sheet-head" }, this.#title, copy, close);
    this.element.append(head, this.#text, this.#more);
    this.element.hidden = true;
    const { signal } = display;
    on(copy, "click", () => this.#copy(), signal);
    on(close, "click", () => this.close(), signal);
    on(this.#more, "click", () => this.#show(this.#limit * 4), signal);
    const leave = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    };
    on(this.element, "keydown", leave, signal);
  }

  open(row: number): void {
    this.#row = row;
    this.element.hidden = false;
    this.#show(PART_BYTES);
    this.#text.scrollTop = 0;
    this.#text.focus();
  }

  close(): void {
    this.element.hidden = true;
    this.#text.replaceChildren();
    this.closed();
  }

  #show(limit: number): void {
    this.#limit = limit;
    const { text, cut } = this.session.store.line(this.#row, limit);
    setText(this.#title, `Line ${count(this.#row + 1)} · ${count(text.length)} characters shown`);
    this.#text.textContent = text;
    this.#more.hidden = cut === 0;
    setText(this.#more, `Show more (${size(cut)} left)`);
  }

  #copy(): void {
    const { text } = this.session.store.line(this.#row, WHOLE);
    copyText(text, this.display.root).then((copied) =>
      this.display.say(copied ? "line copied" : "the browser refused to copy"),
    );
  }
}
