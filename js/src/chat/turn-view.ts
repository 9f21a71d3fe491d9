// A turn: the prompt, what came of it, how it ended, and the events behind it.

import { clock, count, duration, plural } from "../base/format.ts";
import { parseJson } from "../base/json.ts";
import { visible, visibleLine } from "../base/visible.ts";
import type { EventRecord } from "../kernel/protocol.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { jsonTree } from "../ui/tree.ts";
import type { Item, Turn } from "./conversation.ts";
import { type Around, type ItemView, itemView } from "./item-views.ts";
import { turnState, usageText } from "./words.ts";

/** More items than this are shown when asked for. */
const MOST_ITEMS = 200;
const EVENTS_AT_ONCE = 100;
const PROMPT_CUT = 4000;

export class TurnView {
  readonly element: HTMLElement;
  readonly #items = h("div", { class: "items" });
  readonly #earlier = h("button", { class: "more earlier", hidden: true });
  readonly #state = h("span", { class: "turn-state" });
  readonly #facts = h("span", { class: "turn-facts" });
  readonly #error = h("div", { class: "turn-error", dir: "auto", hidden: true });
  readonly #rawButton = h("button", { class: "raw", "aria-expanded": "false" });
  readonly #raw = h("div", { class: "raw-events", hidden: true });
  readonly #views = new Map<Item, ItemView>();
  #most = MOST_ITEMS;
  #rawShown = 0;
  #rawWanted = EVENTS_AT_ONCE;
  #drawn = "";

  constructor(
    readonly turn: Turn,
    private readonly around: Around,
  ) {
    const foot = h("div", { class: "foot" }, this.#state, this.#facts, this.#rawButton);
    this.element = h("article", { class: "turn" });
    if (turn.prompt !== null) this.element.append(this.#prompt(turn.prompt));
    this.element.append(this.#earlier, this.#items, this.#error, foot, this.#raw);
    this.#rawButton.addEventListener("click", () => this.#toggleRaw());
    this.#earlier.addEventListener("click", () => {
      this.#most *= 4;
      this.#drawn = "";
      around.changed();
    });
  }

  draw(now: number): void {
    const { turn, around } = this;
    const stopping = around.talk.stopping === turn.sequence && turn.state === "running";
    const end = turn.state === "running" ? now : turn.endedMs;
    const took = turn.state === "queued" ? 0 : end - turn.startedMs;
    const key = `${turn.revision} ${turn.events.length} ${stopping} ${around.talk.canSend}`;
    if (turn.state === "running") this.#drawFacts(took);
    const asks = around.talk.answering.size > 0;
    if (key === this.#drawn && turn.state !== "running" && !asks) return;
    this.#drawn = key;
    const { word, bad } = turnState(turn, stopping);
    setAttribute(this.element, "data-state", turn.state);
    setAttribute(this.element, "aria-busy", turn.state === "running" ? "true" : null);
    setText(this.#state, visibleLine(word));
    setAttribute(this.#state, "data-bad", String(bad));
    this.#drawFacts(took);
    this.#drawError();
    this.#drawItems(now);
    setText(this.#rawButton, plural(turn.events.length, "event"));
    if (!this.#raw.hidden) this.#fillRaw();
  }

  #prompt(prompt: string): HTMLElement {
    const { turn } = this;
    const text = h("div", { class: "prompt-text", dir: "auto" });
    text.textContent = visible(prompt.slice(0, PROMPT_CUT));
    if (prompt.length > PROMPT_CUT) {
      const more = h("button", { class: "more", text: "show all of it" });
      more.addEventListener("click", () => {
        text.textContent = visible(prompt);
      });
      text.append("… ", more);
    }
    const title = `published by ${visibleLine(turn.source)} as event ${turn.sequence}`;
    const when = h("span", { class: "when", text: clock(turn.startedMs).slice(0, 8), title });
    return h(
      "div",
      { class: "prompt" },
      h("span", { class: "axon-hidden", text: "Prompt: " }),
      text,
      when,
    );
  }

  #drawFacts(took: number): void {
    const { turn } = this;
    const time = took >= 1000 || turn.state !== "running" ? duration(Math.max(0, took)) : "";
    const shown = turn.state === "queued" ? "" : time;
    setText(this.#facts, [shown, usageText(turn.usage)].filter(Boolean).join(" · "));
  }

  #drawError(): void {
    const { error } = this.turn;
    this.#error.hidden = error === "";
    setText(this.#error, visible(error.slice(0, PROMPT_CUT)));
  }

  #drawItems(now: number): void {
    const { items } = this.turn;
    const from = Math.max(0, items.length - this.#most);
    this.#earlier.hidden = from === 0;
    setText(this.#earlier, `show ${count(from)} earlier`);
    let before: HTMLElement | null = null;
    for (const item of items.slice(from)) {
      let view = this.#views.get(item);
      if (!view) {
        view = itemView(item, this.around);
        this.#views.set(item, view);
      }
      const place: Element | null = before
        ? before.nextElementSibling
        : this.#items.firstElementChild;
      if (place !== view.element) this.#items.insertBefore(view.element, place);
      view.draw(now);
      before = view.element;
    }
    while (this.#items.childElementCount > items.length - from)
      this.#items.lastElementChild?.remove();
  }

  #toggleRaw(): void {
    this.#raw.hidden = !this.#raw.hidden;
    setAttribute(this.#rawButton, "aria-expanded", String(!this.#raw.hidden));
    this.#fillRaw();
    if (!this.#raw.hidden) this.#raw.scrollIntoView({ block: "nearest" });
  }

  /** The events as they were published, as many as were asked for. */
  #fillRaw(): void {
    const { turn, around } = this;
    this.#raw.querySelector(":scope > .more")?.remove();
    const wanted = turn.events.slice(this.#rawShown, this.#rawWanted);
    this.#rawShown += wanted.length;
    this.#raw.append(...around.talk.eventsOf(wanted).map((event) => rawElement(event, around)));
    const rest = turn.events.length - this.#rawShown;
    if (rest === 0) return;
    const more = h("button", { class: "more", text: `show ${count(rest)} more` });
    more.addEventListener("click", () => {
      this.#rawWanted += EVENTS_AT_ONCE;
      this.#fillRaw();
    });
    this.#raw.append(more);
  }
}

function rawElement(event: EventRecord, { copy }: Around): HTMLElement {
  const head = `${event.sequence} · ${event.event_type} · ${event.source}`;
  const body = h("div", { class: "raw-body" });
  const summary = h("summary", { text: visibleLine(head) });
  const entry = h("details", { class: "raw-event" }, summary, body);
  entry.addEventListener("toggle", () => {
    if (!entry.open || body.childElementCount > 0) return;
    body.append(jsonTree(parseJson(event.payload) ?? event.payload, { copy }));
  });
  return entry;
}
