// One view per thing of a turn: what was said and thought, plans, questions, notices.

import { visible, visibleLine } from "../base/visible.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import type { Ask, Item, Note, Plan, Said } from "./conversation.ts";
import { ProseView } from "./prose-view.ts";
import type { Talk } from "./talk.ts";
import { diffElement, ToolView, textElement, value } from "./tool-view.ts";
import { answerText, isNo, noteText } from "./words.ts";

export interface ItemView {
  readonly element: HTMLElement;
  /** `now` is the kernel's time, for what still runs. */
  draw(now: number): void;
}

export interface Around {
  talk: Talk;
  copy(text: string): void;
  changed(): void;
  /** What was done here has consequences at the end: go there. */
  follow(): void;
}

export function itemView(item: Item, around: Around): ItemView {
  switch (item.kind) {
    case "text":
      return new TextView(item);
    case "thought":
    case "log":
      return new FoldedView(item);
    case "tool":
      return new ToolView(item, around.copy);
    case "plan":
      return new PlanView(item);
    case "ask":
      return new AskView(item, around);
    case "notice":
      return new NoteView(item);
  }
}

class TextView implements ItemView {
  readonly #prose = new ProseView();
  readonly element = this.#prose.element;

  constructor(private readonly said: Said) {}

  draw(): void {
    this.#prose.draw(this.said.text);
  }
}

/** A thought, or the agent's own log: one line, all of it on a click. */
class FoldedView implements ItemView {
  readonly element: HTMLDetailsElement;
  readonly #line = h("span", { class: "folded-line", dir: "auto" });
  readonly #text = h("div", { class: "folded-text", dir: "auto" });
  #drawn = -1;

  constructor(private readonly said: Said) {
    const name = said.kind === "log" ? "log" : "thought";
    const summary = h(
      "summary",
      {},
      h("span", { class: "folded-name", text: name }),
      this.#line,
      h("span", { class: "fold", "aria-hidden": "true" }),
    );
    this.element = h("details", { class: `folded ${name}` }, summary, this.#text);
    this.element.addEventListener("toggle", () => {
      this.#drawn = -1;
      this.draw();
    });
  }

  draw(): void {
    const { said, element } = this;
    if (this.#drawn === said.revision) return;
    this.#drawn = said.revision;
    setText(this.#line, visibleLine(said.text.trim().slice(0, 300)));
    if (element.open) setText(this.#text, visible(said.text.trim()));
  }
}

const STEP_SIGNS = new Map([
  ["completed", "✓"],
  ["in_progress", "◐"],
]);

class PlanView implements ItemView {
  readonly element: HTMLDetailsElement;
  readonly #count = h("span", { class: "plan-count" });
  readonly #steps = h("ol", { class: "steps" });
  #drawn = -1;

  constructor(private readonly plan: Plan) {
    const summary = h(
      "summary",
      {},
      h("span", { class: "plan-name", text: "Plan" }),
      this.#count,
      h("span", { class: "fold", "aria-hidden": "true" }),
    );
    this.element = h("details", { class: "plan", open: true }, summary, this.#steps);
  }

  draw(): void {
    const { steps, revision } = this.plan;
    if (this.#drawn === revision) return;
    this.#drawn = revision;
    const done = steps.filter(({ status }) => status === "completed").length;
    setText(this.#count, `${done} of ${steps.length}`);
    this.#steps.replaceChildren(
      ...steps.slice(0, 200).map(({ text, status }) => {
        const state = STEP_SIGNS.has(status) ? status : "pending";
        const sign = h("i", { class: "step-sign", "aria-hidden": "true" });
        sign.textContent = STEP_SIGNS.get(status) ?? "○";
        const word = h("span", { class: "axon-hidden", text: `${state.replace("_", " ")}: ` });
        return h("li", { "data-state": state, dir: "auto" }, sign, word, visibleLine(text));
      }),
    );
  }
}

/** A request for permission. It stays where it was asked, with its answer. */
class AskView implements ItemView {
  readonly element: HTMLElement;
  readonly #title = h("div", { class: "ask-title", dir: "auto" });
  readonly #buttons = h("div", { class: "ask-buttons" });
  readonly #answer = h("div", { class: "ask-answer" });
  #drawn = "";

  constructor(
    private readonly ask: Ask,
    private readonly around: Around,
  ) {
    setText(this.#title, `May I: ${visibleLine(ask.title)}?`);
    for (const option of ask.options.slice(0, 12)) {
      const tone = option.kind.startsWith("allow") ? "yes" : "no";
      const text = visibleLine(option.name).slice(0, 80);
      const button = h("button", { class: `option ${tone}`, text });
      button.addEventListener("click", () => {
        around.talk.answer(ask, option.id);
        around.follow();
      });
      this.#buttons.append(button);
    }
    this.element = h("div", { class: "ask", role: "group", "aria-label": "Permission" });
    this.element.append(this.#title, ...this.#about(), this.#buttons, this.#answer);
  }

  draw(): void {
    const { ask, around } = this;
    const sending = around.talk.answering.has(ask.id);
    const { canSend } = around.talk;
    const state = `${ask.state} ${sending} ${canSend}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    setAttribute(this.element, "data-state", ask.state);
    setAttribute(this.element, "data-no", ask.state === "answered" ? String(isNo(ask)) : null);
    for (const button of this.#buttons.querySelectorAll("button"))
      button.disabled = sending || ask.state !== "open" || !canSend;
    this.#buttons.hidden = ask.state === "answered";
    setText(this.#answer, sending ? "answering …" : visibleLine(answerText(ask)));
  }

  #about(): HTMLElement[] {
    const { ask, around } = this;
    if (ask.shown && ask.diffs.length > 0) return [];
    const parts = ask.diffs.map(diffElement);
    if (parts.length > 0) return parts;
    if (ask.text) return [textElement(ask.text)];
    return ask.input === undefined ? [] : [value(ask.input, around.copy)];
  }
}

export class NoteView implements ItemView {
  readonly element: HTMLElement;

  constructor(note: Note) {
    const bad = note.fatal || /error|failed/.test(note.type);
    const text = visibleLine(noteText(note).slice(0, 2000));
    this.element = h("div", { class: "note", "data-bad": String(bad), dir: "auto", text });
  }

  draw(): void {}
}
