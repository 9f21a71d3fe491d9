// The axons of a viewer of several: how each stream stands, how much it brought, and its colour. A
// click filters by it. Closed it is one line; open it has a line per stream with the reason.

import { count } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import type { AxonStream } from "../events/axon-stream.ts";
import type { Session } from "../events/event-session.ts";
import { type Status, statusOf } from "../events/event-status.ts";
import { facetState, setFacet } from "../filter/terms.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { SIGNS } from "../ui/header-parts.ts";
import { icon, setIcon } from "../ui/icons.ts";
import type { Showing } from "./showing.ts";

/** Degrees between the hues of two axons: neighbours differ, and none comes twice. */
const HUE_STEP = 137.508;

/** The colour of an axon, by its code in the store. */
export function axonHue(code: number): string {
  return ((code * HUE_STEP) % 360).toFixed(1);
}

export class AxonStrip {
  readonly element: HTMLElement;
  readonly #list = h("div", { class: "axon-list", role: "group", "aria-label": "Axons" });
  readonly #icon = icon("down");
  readonly #open = h("button", { class: "axon-open", "aria-expanded": "false" }, this.#icon);
  readonly #chips: AxonChip[] = [];

  constructor(
    private readonly session: Session,
    private readonly showing: Showing,
    signal: AbortSignal,
  ) {
    this.#open.title = "how each stream stands";
    this.#open.setAttribute("aria-label", "how each stream stands");
    this.element = h("div", { class: "axons" }, this.#list, this.#open);
    this.element.hidden = true;
    on(this.#open, "click", () => this.#toggle(), signal);
  }

  draw(): void {
    const { session, showing } = this;
    this.element.hidden = !session.several;
    if (this.element.hidden) return;
    const { streams } = session;
    while (this.#chips.length < streams.length) this.#add();
    const { only, not } = facetState(showing.filterText, "axon");
    for (const [place, chip] of this.#chips.entries()) {
      const stream = streams[place];
      chip.element.hidden = !stream;
      if (!stream) continue;
      const term = session.store.axonTerm(stream.lane.axon);
      chip.draw(stream, session, { only: only.has(term), not: not.has(term) });
    }
  }

  #add(): void {
    const place = this.#chips.length;
    const chip = new AxonChip((exclude) => this.#filter(place, exclude));
    this.#chips.push(chip);
    this.#list.append(chip.element);
  }

  #filter(place: number, exclude: boolean): void {
    const { showing, session } = this;
    const stream = session.streams[place];
    if (!stream) return;
    const term = session.store.axonTerm(stream.lane.axon);
    const { only, not } = facetState(showing.filterText, "axon");
    const isSet = exclude ? not.has(term) : only.has(term) || not.has(term);
    const want = isSet ? "any" : exclude ? "not" : "only";
    showing.setFilter(setFacet(showing.filterText, "axon", term, want));
  }

  #toggle(): void {
    const open = this.element.dataset.open !== "true";
    this.element.dataset.open = String(open);
    setIcon(this.#icon, open ? "cross" : "down");
    setAttribute(this.#open, "aria-expanded", String(open));
  }
}

class AxonChip {
  readonly #sign = icon("", "sign");
  readonly #name = h("span", { class: "name" });
  readonly #amount = h("span", { class: "amount" });
  readonly #word = h("span", { class: "word" });
  readonly #reason = h("span", { class: "reason" });
  readonly element = h(
    "button",
    { class: "chip axon-chip" },
    this.#sign,
    this.#name,
    this.#amount,
    this.#word,
    this.#reason,
  );

  /** `filter` is told whether to leave the axon out. */
  constructor(filter: (exclude: boolean) => void) {
    const { element } = this;
    element.addEventListener("click", (event) => filter(event.altKey || event.shiftKey));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Delete" || event.key === "-") filter(true);
    });
  }

  draw(stream: AxonStream, session: Session, filtered: { only: boolean; not: boolean }): void {
    const { element } = this;
    const { store, facts } = session;
    const code = stream.lane.axon;
    const name = visibleLine(store.axonName(code));
    const status = statusOfStream(stream, session);
    const counts = session.countsOf(stream);
    setIcon(this.#sign, SIGNS[status.sign]);
    setText(this.#name, name);
    setText(this.#amount, count(counts.total));
    setText(this.#word, status.word);
    const lost = counts.lost > 0 ? `${count(counts.lost)} lost` : "";
    const recovering = counts.recovering > 0 ? `recovering ${count(counts.recovering)}` : "";
    const notKept = counts.notKept > 0 ? `${count(counts.notKept)} not kept` : "";
    const told = facts.snapshot === null ? status.line : "";
    const reason = [lost, recovering, notKept, told].filter(Boolean).join(" · ");
    setText(this.#reason, visibleLine(reason));
    element.dataset.sign = status.sign;
    element.dataset.not = String(filtered.not);
    element.style.setProperty("--axon-hue", axonHue(code));
    setAttribute(element, "aria-pressed", String(filtered.only));
    const id = stream.stat?.id ?? "";
    const title = [name, id, status.word, reason].filter(Boolean).join(" · ");
    setAttribute(element, "title", `${title}. Click: only this axon; with Alt: leave it out`);
  }
}

/** How one stream stands; where nothing runs any more, as the whole does. */
function statusOfStream({ stat }: AxonStream, { facts }: Session): Status {
  const state = stat?.state;
  return statusOf({
    ...facts,
    stat: state ? { state } : null,
    retryIn: state?.retry_in_ms ?? 0,
  });
}
