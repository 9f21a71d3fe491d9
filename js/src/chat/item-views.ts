// One view per entry of a turn: messages, thoughts, plans, notices; tools and questions have files
// of their own. Behind each are its events as they were published.

import { visible, visibleLine } from "../base/visible.ts";
import { noticeText } from "../content/entry-words.ts";
import { blockText, MarkdownView } from "../content/markdown-view.ts";
import { partElement } from "../content/parts-view.ts";
import { RawEvents } from "../content/raw-events.ts";
import type { Range } from "../kernel/protocol.ts";
import type { Entry, Message, Notice, Plan } from "../trace/model.ts";
import { badgeElement } from "../ui/annotation-box.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { type IconName, icon } from "../ui/icons.ts";
import { Annotations, badgeOf } from "./annotations.ts";
import type { Around, ItemView } from "./around.ts";
import { QuestionView } from "./question-view.ts";
import { ToolView } from "./tool-view.ts";

const MOST_STEPS = 200;
const LINE_CHARS = 300;

export function itemView(entry: Entry, around: Around): ItemView {
  const view = plainView(entry, around);
  const raw = new RawEvents(
    () => rangesOf(entry),
    around.chat.session,
    around.copy,
    "events of this entry",
  );
  view.element.classList.add("item");
  view.element.dataset.entry = String(entry.id);
  const target = (entry.kind === "tool" && entry.call_id) || entry.first_sequence;
  const notes = new Annotations(entry, target, around);
  const buttons = h("div", { class: "row-buttons" }, raw.button, notes.button);
  const element = h("div", { class: "row" }, view.element, buttons, notes.element, raw.element);
  return {
    element,
    draw: (now) => {
      view.draw(now);
      notes.draw();
    },
  };
}

function plainView(entry: Entry, around: Around): ItemView {
  switch (entry.kind) {
    case "tool":
      return new ToolView(entry, around);
    case "plan":
      return new PlanView(entry);
    case "question":
      return new QuestionView(entry, around);
    case "notice":
      return new NoticeView(entry);
    case "message":
      return entry.role === "thought" ? new ThoughtView(entry) : new MessageView(entry, around);
    case "annotation":
      return { element: h("div", { class: "note" }, badgeElement(badgeOf(entry))), draw: () => {} };
    default:
      return { element: h("div"), draw: () => {} };
  }
}

function rangesOf({ ranges }: Entry): Range[] {
  return ranges.flatMap((first, at): Range[] => (at % 2 === 0 ? [[first, ranges[at + 1]!]] : []));
}

class MessageView implements ItemView {
  readonly #text = new MarkdownView();
  readonly #parts = h("div", { class: "parts-list" });
  readonly element: HTMLElement;
  #drawn = -1;
  #partsDrawn: readonly unknown[] = [];

  constructor(
    private readonly message: Message,
    private readonly around: Around,
  ) {
    this.element = h("div", { class: "message" }, this.#text.element, this.#parts);
  }

  draw(): void {
    const { message, around } = this;
    if (this.#drawn === message.changes) return;
    this.#drawn = message.changes;
    setAttribute(this.element, "data-role", message.role ?? "agent");
    setAttribute(this.element, "data-state", message.status || null);
    this.#text.draw(message.text, message.blocks);
    if (message.parts === this.#partsDrawn) return;
    this.#partsDrawn = message.parts;
    this.#parts.replaceChildren(...message.parts.map((part) => partElement(part, around.copy)));
  }
}

/** What opens on a click: one line of it is always there. */
function folded(name: string, line: HTMLElement, body: HTMLElement): HTMLDetailsElement {
  const fold = icon("right", "fold");
  const summary = h("summary", {}, h("span", { class: "folded-name", text: name }), line, fold);
  return h("details", { class: "folded" }, summary, body);
}

const firstLine = (text: string) => visibleLine(text.trim().slice(0, LINE_CHARS));

class ThoughtView implements ItemView {
  readonly #text = new MarkdownView();
  readonly #line = h("span", { class: "folded-line", dir: "auto" });
  readonly element = folded("thought", this.#line, this.#text.element);
  #drawn = "";

  constructor(private readonly message: Message) {
    this.element.addEventListener("toggle", () => this.draw());
  }

  draw(): void {
    const { message, element } = this;
    const state = `${message.changes} ${element.open}`;
    if (this.#drawn === state) return;
    this.#drawn = state;
    setText(this.#line, firstLine(blockText(message.blocks[0]) || message.text));
    if (element.open) this.#text.draw(message.text, message.blocks);
  }
}

const STEP_SIGNS = new Map<string, IconName>([
  ["completed", "check"],
  ["in_progress", "half"],
]);

class PlanView implements ItemView {
  readonly #count = h("span", { class: "plan-count" });
  readonly #name = h("span", { class: "plan-name" });
  readonly #steps = h("ol", { class: "steps" });
  readonly element: HTMLDetailsElement;
  #drawn = -1;

  constructor(private readonly plan: Plan) {
    const fold = icon("right", "fold");
    const summary = h("summary", {}, this.#name, this.#count, fold);
    this.element = h("details", { class: "plan", open: true }, summary, this.#steps);
  }

  draw(): void {
    const { steps = [], changes, title, status } = this.plan;
    if (this.#drawn === changes) return;
    this.#drawn = changes;
    setText(this.#name, visibleLine(title || "Plan"));
    setAttribute(this.element, "data-state", status || null);
    const done = steps.filter((step) => step.status === "completed").length;
    setText(this.#count, status === "removed" ? "removed" : `${done} of ${steps.length}`);
    this.#steps.replaceChildren(
      ...steps.slice(0, MOST_STEPS).map(({ text = "", status: state = "pending" }) => {
        const known = STEP_SIGNS.has(state) ? state : "pending";
        const sign = icon(STEP_SIGNS.get(state) ?? "ring", "step-sign");
        const word = h("span", { class: "axon-hidden", text: `${known.replace("_", " ")}: ` });
        return h("li", { "data-state": known, dir: "auto" }, sign, word, visibleLine(text));
      }),
    );
  }
}

export class NoticeView implements ItemView {
  readonly element = h("div", { class: "note", dir: "auto" });
  readonly #line = h("span", { class: "folded-line", dir: "auto" });
  readonly #detail = h("div", { class: "folded-text", dir: "auto" });
  #drawn = -1;

  constructor(private readonly notice: Notice) {}

  draw(): void {
    const { notice, element } = this;
    if (this.#drawn === notice.changes) return;
    this.#drawn = notice.changes;
    const { notice_kind: kind = "", level = "info", text, title, detail = "", count = 1 } = notice;
    setAttribute(element, "data-level", level);
    setAttribute(element, "data-kind", kind);
    const words = noticeText(kind, title, text);
    const times = count > 1 ? ` (${count} times)` : "";
    if (!detail) {
      setText(element, visibleLine(words.slice(0, 2000)) + times);
      return;
    }
    setText(this.#line, visibleLine(words.slice(0, LINE_CHARS)) + times);
    setText(this.#detail, visible(detail.slice(0, 100_000)));
    if (!this.#line.isConnected) element.replaceChildren(folded("", this.#line, this.#detail));
  }
}
