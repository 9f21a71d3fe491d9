// A question of the agent: permission, form, choice, plan or address. It stays where it was asked,
// with its answer.

import { clock } from "../base/format.ts";
import type { Json } from "../base/json.ts";
import { visible, visibleLine } from "../base/visible.ts";
import { answerText, isRefusal, questionTitle } from "../content/entry-words.ts";
import { type FieldView, fieldView } from "../content/fields.ts";
import { MarkdownView } from "../content/markdown-view.ts";
import { partElement, value } from "../content/parts-view.ts";
import type { Option, Question } from "../trace/model.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import type { Around, ItemView } from "./around.ts";

const WEB = /^https?:\/\//;
const MOST_OPTIONS = 12;
const DURABLE =
  "This value becomes an event of the axon: everybody who can read the axon can read it, for good.";

export class QuestionView implements ItemView {
  readonly element: HTMLElement;
  readonly #title = h("div", { class: "ask-title", dir: "auto" });
  readonly #text = new MarkdownView();
  readonly #body = h("div", { class: "ask-body" });
  readonly #buttons = h("div", { class: "ask-buttons" });
  readonly #answer = h("div", { class: "ask-answer", dir: "auto" });
  readonly #problem = h("div", { class: "ask-problem", role: "alert" });
  readonly #durable = h("input", { type: "checkbox" });
  #fields: FieldView[] = [];
  #isTouched = false;
  #drawn = "";
  #built = -1;

  constructor(
    private readonly question: Question,
    private readonly around: Around,
  ) {
    const label = questionTitle(question);
    this.element = h("div", { class: "ask", role: "group", "aria-label": visibleLine(label) });
    this.element.append(this.#title, this.#text.element, this.#body, this.#buttons);
    this.element.append(this.#problem, this.#answer);
  }

  draw(): void {
    const { question, around } = this;
    const { chat } = around;
    const isSending = chat.answering.has(question.question_id ?? "");
    const state = `${question.changes} ${isSending} ${chat.canSend}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    if (this.#built !== question.revision && question.status === "open") this.#build();
    setText(this.#title, visibleLine(questionTitle(question)));
    if (question.text !== question.title) this.#text.draw(question.text, question.blocks);
    setAttribute(this.element, "data-state", question.status);
    setAttribute(this.element, "data-kind", question.question_kind ?? "permission");
    setAttribute(this.element, "data-no", String(isRefusal(question)));
    const isOpen = question.status === "open";
    this.#body.hidden = !isOpen;
    this.#buttons.hidden = !isOpen || chat.isReadOnly;
    for (const control of this.element.querySelectorAll<HTMLButtonElement>(
      "button, input, textarea",
    ))
      control.disabled = isSending || !isOpen || !chat.canSend;
    const words = isOpen && question.deadline_ms ? deadline(question.deadline_ms) : "";
    setText(this.#answer, isSending ? "answering …" : words || visible(answerText(question)));
    if (isOpen) this.#check();
  }

  #build(): void {
    const { question } = this;
    this.#built = question.revision;
    this.#fields = (question.fields ?? []).map((field) => fieldView(field, () => this.#touch()));
    this.#body.replaceChildren(...this.#about(), ...this.#fields.map(({ element }) => element));
    if (question.secret)
      this.#body.append(h("label", { class: "choice durable" }, this.#durable, DURABLE));
    this.#durable.addEventListener("change", () => this.#touch());
    this.#buttons.replaceChildren(...this.#makeButtons());
  }

  #about(): HTMLElement[] {
    const { question, around } = this;
    if (question.url) return [address(question.url)];
    if (question.parts.length > 0) {
      const isShown = around.showsDiffs(question.call_id ?? "");
      const parts = question.parts.filter(({ type }) => type !== "diff" || !isShown);
      return parts.map((part) => partElement(part, around.copy));
    }
    if (question.question_kind !== "permission" || question.input == null) return [];
    return around.showsDiffs(question.call_id ?? "") ? [] : [value(question.input, around.copy)];
  }

  #makeButtons(): HTMLElement[] {
    const { question } = this;
    const options = (question.options ?? []).slice(0, MOST_OPTIONS);
    const isUrl = question.question_kind === "url";
    if (this.#fields.length === 0 && options.length > 0)
      return options.map((option) => this.#optionButton(option));
    const send = h("button", { class: "option yes", "data-send": true });
    send.textContent = isUrl ? "Continue" : "Send";
    send.addEventListener("click", () => (isUrl ? this.#answerWith(true) : this.#send()));
    const no = options.find(({ kind }) => kind?.startsWith("reject"))?.name || "Decline";
    const decline = h("button", { class: "option no", text: visibleLine(no).slice(0, 120) });
    decline.addEventListener("click", () => this.#answerWith(false));
    return [send, decline];
  }

  #optionButton(option: Option): HTMLElement {
    const isYes = option.kind?.startsWith("allow") ?? false;
    const name = visibleLine(option.name || option.id || "").slice(0, 120);
    const button = h("button", { class: `option ${isYes ? "yes" : "no"}` }, name);
    if (option.stored) button.append(h("small", { text: visibleLine(option.stored) }));
    button.addEventListener("click", () => this.#answerWith(option.id ?? ""));
    return button;
  }

  #send(): void {
    if (this.#check() !== "") return;
    const values: { [id: string]: Json } = {};
    (this.question.fields ?? []).forEach((field, at) => {
      const entered = this.#fields[at]?.value();
      if (entered !== undefined)
        Object.defineProperty(values, field.id ?? "", { value: entered, enumerable: true });
    });
    this.#answerWith(values);
  }

  #touch(): void {
    this.#isTouched = true;
    this.#check();
  }

  #check(): string {
    const { question } = this;
    let problem = this.#fields.map((field) => field.problem()).find(Boolean) ?? "";
    const hasSecret = (question.fields ?? []).some(
      ({ secret }, at) => secret && this.#fields[at]?.value() !== undefined,
    );
    if (!problem && hasSecret && !this.#durable.checked)
      problem = "Confirm that the value may be stored.";
    const send = this.#buttons.querySelector<HTMLButtonElement>("[data-send]");
    if (send) send.disabled = problem !== "" || !this.around.chat.canSend;
    setText(this.#problem, this.#isTouched && question.status === "open" && send ? problem : "");
    return problem;
  }

  #answerWith(answer: Json): void {
    this.around.chat.answer(this.question, answer, this.#durable.checked);
    this.around.follow();
  }
}

/** No event tells that the time is over. */
function deadline(ms: number): string {
  const at = clock(ms).slice(0, 8);
  return Date.now() < ms
    ? `Not answered yet; at ${at} the agent answers it itself.`
    : `Not answered; the agent has answered it itself at ${at}.`;
}

/** An address that the agent wants opened: shown whole, opened by a click alone. */
function address(url: string): HTMLElement {
  const text = visibleLine(url);
  if (!WEB.test(url)) return h("div", { class: "path", text });
  const href = { href: url, target: "_blank", rel: "noopener noreferrer", title: text };
  return h("div", { class: "address" }, h("a", href, text));
}
