// The events behind an entry as they were published, asked of the kernel when they are opened.

import { plural } from "../base/format.ts";
import { parseJson } from "../base/json.ts";
import { visibleLine } from "../base/visible.ts";
import type { EventRecord, Range } from "../kernel/protocol.ts";
import type { TraceSession } from "../trace/trace-session.ts";
import { h, setAttribute } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { jsonTree } from "../ui/tree.ts";
import type { Copy } from "./parts-view.ts";

const EVENTS_AT_ONCE = 100;

/** A button, and behind it the events as they were published, as many as are asked for. */
export class RawEvents {
  readonly button: HTMLButtonElement;
  readonly element = h("div", { class: "raw-events", hidden: true });
  /** Ranges that were not asked for yet. */
  #left: Range[] = [];

  constructor(
    private readonly ranges: () => Range[],
    private readonly session: TraceSession,
    private readonly copy: Copy,
    title: string,
  ) {
    this.button = h("button", {
      class: "raw",
      "aria-expanded": "false",
      title,
      "aria-label": title,
    });
    this.button.addEventListener("click", () => this.#toggle());
  }

  #toggle(): void {
    const { element } = this;
    element.hidden = !element.hidden;
    setAttribute(this.button, "aria-expanded", String(!element.hidden));
    if (element.hidden) return;
    element.replaceChildren();
    this.#left = this.ranges();
    this.#ask();
  }

  #ask(): void {
    const { element, session, copy } = this;
    const state = h("div", { class: "path", text: "asking the kernel …" });
    if (!session.facts.answered) {
      state.textContent = "The events are on the axon; a kernel is needed to read them.";
      element.append(state);
      return;
    }
    const asked = this.#cut();
    element.append(state);
    session.events(asked, (events) => {
      state.remove();
      element.append(...events.map((event) => rawElement(event, copy)));
      if (events.length === 0) element.append(h("div", { class: "path", text: "no events found" }));
      const rest = this.#left.reduce((sum, [first, last]) => sum + last - first + 1, 0);
      if (rest === 0) return;
      const more = h("button", { class: "more", text: `show more of ${plural(rest, "event")}` });
      more.addEventListener("click", () => {
        more.remove();
        this.#ask();
      });
      element.append(more);
      element.scrollIntoView({ block: "nearest" });
    });
  }

  /** The first so many of what is left. */
  #cut(): Range[] {
    const cut: Range[] = [];
    let room = EVENTS_AT_ONCE;
    while (room > 0 && this.#left.length > 0) {
      const [first, last] = this.#left.shift()!;
      const end = Math.min(last, first + room - 1);
      cut.push([first, end]);
      room -= end - first + 1;
      if (end < last) this.#left.unshift([end + 1, last]);
    }
    return cut;
  }
}

function rawElement(event: EventRecord, copy: Copy): HTMLElement {
  const head = `${event.sequence} · ${event.event_type} · ${event.source}`;
  const body = h("div", { class: "raw-body" });
  const summary = h("summary", {}, icon("right", "fold"), visibleLine(head));
  const entry = h("details", { class: "raw-event" }, summary, body);
  entry.addEventListener("toggle", () => {
    if (!entry.open || body.childElementCount > 0) return;
    body.append(jsonTree(parseJson(event.payload) ?? event.payload, { copy }));
  });
  return entry;
}
