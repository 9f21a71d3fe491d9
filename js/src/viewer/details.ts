// The inspector: one event, or one folded run, in full.

import { clock, count, date, duration, plural, since } from "../base/format.ts";
import { parseJson, writeJson } from "../base/json.ts";
import { visible } from "../base/visible.ts";
import type { EventAt, Pair } from "../events/event-store.ts";
import { copyText, h, setText } from "../ui/dom.ts";
import { jsonTree } from "../ui/tree.ts";
import type { View } from "./event-view.ts";
import { jsonLine } from "./export.ts";

/** A joined text longer than this is cut; the events have it all. */
const RUN_LIMIT = 200_000;
const RAW_LIMIT = 500_000;

export class Details {
  readonly element: HTMLElement;
  readonly #title = h("b", { class: "title" });
  readonly #facts = h("dl", { class: "facts" });
  readonly #body = h("div", { class: "body" });
  readonly #raw = h("button", { "aria-pressed": "false", text: "raw" });
  #shown = "";
  #isRaw = false;

  constructor(private readonly view: View) {
    const copy = h("button", { title: "copy the event as JSON", text: "copy" });
    copy.addEventListener("click", () => this.#copy());
    this.#raw.addEventListener("click", () => this.#toggleRaw());
    const close = h("button", {
      title: "close (Esc)",
      "aria-label": "close details",
      text: "✕",
    });
    close.addEventListener("click", () => view.closeDetails());
    this.element = h(
      "section",
      { class: "details", "aria-label": "Details of the event" },
      h("div", { class: "details-head" }, this.#title, this.#raw, copy, close),
      h(
        "div",
        { class: "details-scroll", tabindex: 0, role: "region", "aria-label": "Event" },
        this.#facts,
        this.#body,
      ),
    );
    this.element.hidden = true;
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  /** Show what `from` … `to` are; drawn again only when that changed. */
  show(from: number, to: number): void {
    const { store } = this.view.session;
    const event = store.get(from);
    const pair = store.pairAt(from);
    const key = [from, to, pair?.close ?? "", this.#isRaw].join(" ");
    if (!event || key === this.#shown) return;
    this.#shown = key;
    setText(this.#title, visible(event.event_type));
    const last = to > from ? store.get(to) : null;
    this.#facts.replaceChildren(...facts(event, last, pair, this.view));
    this.#body.replaceChildren(...(last ? this.#run(event, from, to) : this.#event(event)));
  }

  /** Draw anew although the event is the same. */
  forget(): void {
    this.#shown = "";
  }

  #event(event: EventAt): Node[] {
    const parsed = this.#isRaw ? undefined : parseJson(event.payload);
    if (parsed === undefined || typeof parsed === "string")
      return [rawText(parsed ?? event.payload)];
    return [
      jsonTree(parsed, {
        filter: (path, value) => this.view.showing.addTerm(`${path}=${quoted(value)}`),
        copy: (text) => this.#put(text, "value copied"),
      }),
    ];
  }

  #run(first: EventAt, from: number, to: number): Node[] {
    const text = this.view.runText({ position: from, last: to }, RUN_LIMIT);
    const isOpen = this.view.showing.unfolded.has(from);
    const unfold = h("button", {
      class: "wide",
      text: isOpen ? "fold the pieces" : "show the pieces as rows",
    });
    unfold.addEventListener("click", () => this.view.showing.toggleFold(from));
    return [
      rawText(text),
      unfold,
      h("div", { class: "note", text: "first piece" }),
      ...this.#event(first),
    ];
  }

  #toggleRaw(): void {
    this.#isRaw = !this.#isRaw;
    this.#raw.setAttribute("aria-pressed", String(this.#isRaw));
    this.view.invalidate();
  }

  #copy(): void {
    const event = this.view.session.store.get(this.view.pointing.active);
    if (!event) return;
    const parsed = parseJson(jsonLine(event));
    this.#put(parsed === undefined ? jsonLine(event) : writeJson(parsed, "  "), "event copied");
  }

  #put(text: string, done: string): void {
    copyText(text, this.element).then((ok) =>
      this.view.say(ok ? done : "the browser refused to copy"),
    );
  }
}

function quoted(value: string): string {
  return /^[\w.:-]+$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

function rawText(text: string): HTMLElement {
  const cut =
    text.length > RAW_LIMIT
      ? `${text.slice(0, RAW_LIMIT)}… (${count(text.length)} characters)`
      : text;
  return h("pre", { class: "raw", dir: "auto", text: visible(cut) });
}

function facts(event: EventAt, last: EventAt | null, pair: Pair | null, view: View): Node[] {
  const rows: [string, string | Node][] = [
    ["sequence", last ? `${event.sequence} – ${last.sequence}` : String(event.sequence)],
    ["time", `${date(event.timestamp_ms).slice(0, 10)} ${clock(event.timestamp_ms)}`],
    ["since start", since(event.timestamp_ms - view.session.store.oldestTime)],
    ["source", visible(event.source)],
    ["origin", visible(event.origin)],
    ["size", plural(event.payload.length, "character")],
  ];
  if (last) rows.splice(2, 0, ["lasted", duration(last.timestamp_ms - event.timestamp_ms)]);
  const partner = pairFact(event, pair, view);
  if (partner) rows.push(partner);
  return rows.flatMap(([name, value]) => [
    h("dt", { text: name }),
    h("dd", { dir: "auto" }, value),
  ]);
}

function pairFact(event: EventAt, pair: Pair | null, view: View): [string, Node] | null {
  if (!pair || pair.open < 0 || pair.close < 0) return null;
  const isOpen = pair.open === event.position;
  const other = isOpen ? pair.close : pair.open;
  const took = duration(pair.closeTime - pair.openTime);
  const name = isOpen ? "ends with" : "began with";
  const button = h("button", {
    class: "link",
    text: `${view.session.store.sequence(other)} (${took})`,
  });
  button.addEventListener("click", () => view.pointing.goTo(other));
  return [name, button];
}
