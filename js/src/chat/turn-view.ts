// A turn: the prompt, what came of it, how it ended, and the events behind it.

import { clock, duration } from "../base/format.ts";
import { visible, visibleLine } from "../base/visible.ts";
import { turnState, usageText } from "../content/entry-words.ts";
import { partElement } from "../content/parts-view.ts";
import { RawEvents } from "../content/raw-events.ts";
import type { Group } from "../trace/outline.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { Annotations } from "./annotations.ts";
import type { Around, ItemView } from "./around.ts";
import { ItemList } from "./item-list.ts";

const PROMPT_CUT = 4000;
/** The times of running tools are shown anew so often. */
const CLOCK_MS = 500;

export class TurnView implements ItemView {
  readonly element = h("article", { class: "turn" });
  readonly #prompt = h("div", { class: "prompt" });
  readonly #items: ItemList;
  readonly #state = h("span", { class: "turn-state" });
  readonly #facts = h("span", { class: "turn-facts" });
  readonly #error = h("div", { class: "turn-error", dir: "auto", hidden: true });
  #drawn = "";
  #drawnAt = 0;
  #promptDrawn = "";
  #notes: Annotations | null = null;
  readonly #foot: HTMLElement;

  constructor(
    private readonly group: Group,
    private readonly around: Around,
  ) {
    this.#items = new ItemList(around, "turn-items");
    const raw = new RawEvents(
      () => this.#ranges(),
      around.chat.session,
      around.copy,
      "events of this turn",
    );
    raw.button.append("events");
    const foot = h("div", { class: "foot" }, this.#state, this.#facts, raw.button);
    this.element.append(this.#prompt, this.#items.element, this.#error, foot, raw.element);
    this.#foot = foot;
  }

  draw(now: number): void {
    const { group, around } = this;
    const { turn } = group;
    const { chat } = around;
    const isRunning = turn?.status === "running";
    const isStopping = isRunning && chat.stopping === turn.id;
    const changes = chat.trace.changes.get(group.id) ?? 0;
    const key = `${changes} ${isStopping} ${chat.canSend} ${chat.answering.size} ${group.items.length} ${turn?.id}`;
    if (key === this.#drawn && !isRunning) return;
    this.#drawFacts(now);
    // Of what runs the time goes on; the rest is as it was.
    if (key === this.#drawn && now - this.#drawnAt < CLOCK_MS) return;
    this.#drawn = key;
    this.#drawnAt = now;
    this.#items.draw(group.items, now);
    if (!turn) return;
    if (!this.#notes) {
      this.#notes = new Annotations(turn, turn.first_sequence, around);
      this.#foot.append(this.#notes.button);
      this.#foot.after(this.#notes.element);
    }
    this.#notes.draw();
    this.#drawPrompt();
    const asks = isRunning && chat.outline.openQuestions.some((q) => q.turn_id === group.id);
    const { word, bad } = turnState(turn, isStopping, asks);
    setAttribute(this.element, "data-state", turn.status);
    setAttribute(this.element, "aria-busy", isRunning ? "true" : null);
    setText(this.#state, visibleLine(word));
    setAttribute(this.#state, "data-bad", String(bad));
    this.#error.hidden = !turn.error;
    setText(this.#error, visible((turn.error ?? "").slice(0, PROMPT_CUT)));
  }

  #drawPrompt(): void {
    const { turn } = this.group;
    if (!turn || this.#promptDrawn === `${turn.text.length} ${turn.parts.length} ${turn.title}`)
      return;
    this.#promptDrawn = `${turn.text.length} ${turn.parts.length} ${turn.title}`;
    const words = turn.text || visibleLine(turn.title) || "continued by itself";
    const text = h("div", { class: "prompt-text", dir: "auto" });
    text.textContent = visible(words.slice(0, PROMPT_CUT));
    if (words.length > PROMPT_CUT) {
      const more = h("button", { class: "more", text: "show all of it" });
      more.addEventListener("click", () => {
        text.textContent = visible(words);
      });
      text.append("… ", more);
    }
    const title = `published by ${visibleLine(turn.source ?? "")} as event ${turn.first_sequence}`;
    const when = h("span", { class: "when", text: clock(turn.started_ms).slice(0, 8), title });
    const parts = turn.parts.map((part) => partElement(part, this.around.copy));
    setAttribute(this.#prompt, "data-origin", turn.origin ?? "prompt");
    this.#prompt.replaceChildren(h("span", { class: "axon-hidden", text: "Prompt: " }), text, when);
    if (parts.length > 0) this.#prompt.append(h("div", { class: "parts-list" }, ...parts));
  }

  #drawFacts(now: number): void {
    const { turn } = this.group;
    if (!turn || turn.status === "queued") return;
    const isRunning = turn.status === "running";
    const ms =
      (isRunning ? now : (turn.ended_ms ?? turn.started_ms)) - (turn.running_ms ?? turn.started_ms);
    const time = ms >= 1000 || !isRunning ? duration(Math.max(0, ms)) : "";
    const used = usageText(turn.usage ?? {}, turn.cost, turn.currency);
    setText(this.#facts, [time, used].filter(Boolean).join(" · "));
  }

  #ranges(): [number, number][] {
    const { turn, items } = this.group;
    const all = turn ? [turn, ...items] : items;
    const first = Math.min(...all.map((entry) => entry.first_sequence));
    return [[first, Math.max(...all.map((entry) => entry.last_sequence))]];
  }
}
