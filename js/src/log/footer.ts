// The last line: where the output stands, how it ended, and the command's input.

import { count } from "../base/format.ts";
import { h, on, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { TYPED } from "../ui/search-box.ts";
import type { LogSession } from "./log-session.ts";
import type { Status } from "./log-status.ts";

/** What the footer asks of the log around it. */
export interface FooterActions {
  toEnd(): void;
  leave(): void;
  say(text: string): void;
}

export class Footer {
  readonly element: HTMLElement;
  readonly #bytes = h("span");
  readonly #rate = h("span", { class: "rate" });
  readonly #exit = h("span", { class: "exit" });
  readonly #follow = h(
    "span",
    { class: "following" },
    icon("newest"),
    h("span", { text: "following" }),
  );
  readonly #stdin: HTMLFormElement;
  readonly #input = h("input", {
    type: "text",
    placeholder: "input for the command, Enter sends a line",
    "aria-label": "Standard input of the command",
    ...TYPED,
  });
  readonly #history: string[] = [];
  #at = 0;

  constructor(
    private readonly session: LogSession,
    private readonly log: FooterActions,
    signal: AbortSignal,
  ) {
    this.#stdin = this.#form(signal);
    const facts = h("span", { class: "facts" }, this.#exit, this.#bytes, this.#rate, this.#follow);
    this.element = h("div", { class: "footer" }, this.#stdin, facts);
  }

  /** `stdin`: the command may be written to. */
  draw(status: Status, following: boolean, stdin: boolean): void {
    const { session } = this;
    this.#stdin.hidden = !session.running || !stdin;
    setText(this.#bytes, this.#bytesText());
    const rate = session.rate;
    const shown = rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1);
    setText(this.#rate, session.running && rate > 0 ? `${shown} lines/s` : "");
    const ended = status.sign === "done" || session.stat?.status === "completed";
    setText(this.#exit, ended ? status.word : "");
    this.#exit.dataset.sign = status.sign;
    this.#follow.hidden = !following || !session.running;
  }

  #bytesText(): string {
    const { intake, stat } = this.session;
    const here = intake.next("stdout") + intake.next("stderr");
    const all = Math.max(here, (stat?.stdout_bytes ?? 0) + (stat?.stderr_bytes ?? 0));
    if (all === 0) return "";
    return here === all ? `${count(all)} B` : `at ${count(here)} of ${count(all)} B`;
  }

  #form(signal: AbortSignal): HTMLFormElement {
    const end = h("button", { text: "EOF", title: "close the input (Ctrl+D)" });
    const prompt = icon("prompt", "prompt");
    const form = h("form", { class: "stdin" }, prompt, this.#input, end);
    const submit = (event: Event) => {
      event.preventDefault();
      this.#send();
    };
    on(form, "submit", submit, signal);
    on(end, "click", () => this.#end(), signal);
    on(this.#input, "keydown", (event) => this.#key(event), signal);
    return form;
  }

  #send(): void {
    const { value } = this.#input;
    this.session.send(`${value}\n`);
    if (value !== "" && this.#history.at(-1) !== value) this.#history.push(value);
    this.#at = this.#history.length;
    this.#input.value = "";
    this.log.toEnd();
  }

  #end(): void {
    this.session.endInput();
    this.log.say("input closed");
  }

  #key(event: KeyboardEvent): void {
    const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (event.key === "Enter" && !event.isComposing) {
      // Seen in JupyterLab 4.6: Enter submits no form in an output.
      event.preventDefault();
      this.#send();
    } else if (by !== 0 && this.#history.length > 0) {
      this.#at = Math.min(this.#history.length, Math.max(0, this.#at + by));
      this.#input.value = this.#history[this.#at] ?? "";
      event.preventDefault();
    } else if (event.ctrlKey && event.key === "d" && this.#input.value === "") {
      event.preventDefault();
      this.#end();
    } else if (event.key === "Escape") this.log.leave();
  }
}
