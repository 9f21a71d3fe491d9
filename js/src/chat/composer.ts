// Where one writes: Enter sends, Shift+Enter is a new line, the button stops what runs.

import { visible, visibleLine } from "../base/visible.ts";
import { SlashMenu } from "../content/slash-menu.ts";
import { Attaching } from "../ui/attaching.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import type { Around } from "./around.ts";
import type { Chat, Sent } from "./chat.ts";

/** What was sent and is not among the entries after this time is waited for: say so. */
const PATIENCE_MS = 1500;
const MOST_HEIGHT = 180;

export class Composer {
  readonly element: HTMLElement;
  readonly box = h("textarea", {
    class: "box",
    rows: 1,
    "aria-label": "Prompt",
    spellcheck: "false",
    dir: "auto",
  });
  readonly #send = h("button", { type: "submit", class: "send", title: "send (Enter)" }, "Send");
  readonly #stop = h("button", { class: "stop", title: "stop this turn" }, "Stop");
  readonly #sent = h("div", { class: "sent-list" });
  readonly #slash = new SlashMenu((text) => this.write(text));
  readonly #trouble = h("div", { class: "trouble", role: "alert", hidden: true });
  readonly #attaching: Attaching;
  #sentDrawn = "";

  constructor(
    private readonly chat: Chat,
    private readonly around: Around,
    signal: AbortSignal,
  ) {
    const form = h("form", { class: "composer" });
    this.#attaching = new Attaching(
      form,
      (text) => {
        chat.trouble = text;
        around.changed();
      },
      () => {
        chat.trouble = "";
        around.changed();
      },
      signal,
    );
    form.append(this.#attaching.button, this.box, this.#stop, this.#send);
    this.element = h(
      "div",
      { class: "lower" },
      this.#trouble,
      this.#sent,
      this.#slash.element,
      this.#attaching.list,
      form,
    );
    this.box.value = chat.draft;
    on(
      form,
      "submit",
      (event) => {
        event.preventDefault();
        this.#submit();
      },
      signal,
    );
    on(this.box, "input", () => this.#typed(), signal);
    on(this.box, "keydown", (event) => this.#key(event), signal);
    on(
      this.#stop,
      "click",
      () => {
        chat.stop();
        around.changed();
      },
      signal,
    );
  }

  draw(now: number): void {
    const { chat } = this;
    const { running, session, turns } = chat.outline;
    const isReadOnly = chat.isReadOnly && chat.session.snapshotTaken === null;
    this.element.hidden = isReadOnly || chat.turn > 0 || chat.session.inFile;
    const open = this.#open;
    if (this.box.disabled === open) this.box.disabled = !open;
    this.box.placeholder = placeholder(open, Boolean(session?.gone), turns.length > 0);
    this.#attaching.button.disabled = !open;
    this.#send.disabled = !open || (this.box.value.trim() === "" && !this.#hasFiles);
    const stopping = running !== null && chat.stopping === running.id;
    this.#stop.hidden = running === null;
    this.#stop.disabled = !open || stopping;
    setText(this.#stop, stopping ? "Stopping …" : "Stop");
    this.#trouble.hidden = chat.trouble === "";
    setText(this.#trouble, visibleLine(chat.trouble));
    this.#slash.draw(session?.commands ?? [], this.box.value);
    this.#drawSent(now);
  }

  /** Put a text into the box, as if it were typed. */
  write(text: string): void {
    this.box.value = text;
    this.#typed();
    this.box.focus();
  }

  /** As high as its text. */
  fit(): void {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(MOST_HEIGHT, this.box.scrollHeight + 2)}px`;
  }

  /** There is a kernel, and an agent. */
  get #open(): boolean {
    return this.chat.canSend && !this.chat.outline.session?.gone;
  }

  get #hasFiles(): boolean {
    return this.#attaching.files.length > 0;
  }

  #typed(): void {
    this.chat.draft = this.box.value;
    this.fit();
    this.around.changed();
  }

  #key(event: KeyboardEvent): void {
    if (this.#slash.key(event, this.box.value)) {
      event.preventDefault();
      event.stopPropagation();
      this.around.changed();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && this.box.value === "") {
      const last = this.chat.outline.turns.findLast(({ text }) => text !== "");
      if (!last) return;
      event.preventDefault();
      this.write(last.text);
    }
  }

  #submit(): void {
    const text = this.box.value.trim();
    if ((text === "" && !this.#hasFiles) || !this.#open) return;
    this.chat.trouble = "";
    this.chat.prompt(text, this.#attaching.files);
    this.#attaching.clear();
    this.write("");
    this.around.follow();
  }

  #drawSent(now: number): void {
    const { sent } = this.chat;
    const rows = sent.map((one) => ({ one, word: word(one, now) }));
    const key = rows.map(({ one, word }) => `${one.id} ${word}`).join("\n");
    if (key === this.#sentDrawn) return;
    this.#sentDrawn = key;
    this.#sent.replaceChildren(...rows.map(({ one, word }) => this.#sentElement(one, word)));
  }

  #sentElement(one: Sent, word: string): HTMLElement {
    const again = h("button", { class: "again", text: "edit" });
    again.addEventListener("click", () => {
      this.chat.forget(one);
      this.#attaching.restore(one.files);
      this.write(one.text);
    });
    const element = h("div", { class: "sent" });
    element.append(
      h("span", { class: "sent-text", dir: "auto", text: visible(sentText(one)) }),
      h("span", { class: "sent-word", text: visibleLine(word) }),
    );
    if (one.error) element.append(again);
    setAttribute(element, "data-bad", String(one.error !== ""));
    return element;
  }
}

const sentText = ({ text, files }: Sent): string =>
  text.slice(0, 500) || files.map(({ name }) => name).join(", ");

function word({ error, at }: Sent, now: number): string {
  if (error) return `not sent: ${error}`;
  return now - at < PATIENCE_MS
    ? "sending …"
    : "waiting for the kernel; it may be busy with a cell";
}

function placeholder(open: boolean, gone: boolean, later: boolean): string {
  if (gone) return "The agent is gone.";
  if (!open) return "No kernel. Run the cell to write.";
  return later ? "Reply …" : "Ask the agent …  (Enter sends, Shift+Enter is a new line)";
}
