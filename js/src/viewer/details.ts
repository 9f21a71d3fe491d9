// The inspector: one event, or one folded run, in full.

import { clock, count, date, duration, plural, since } from "../base/format.ts";
import { parseJson, writeJson } from "../base/json.ts";
import { visible } from "../base/visible.ts";
import type { Session } from "../events/event-session.ts";
import type { EventAt } from "../events/event-store.ts";
import type { Pair } from "../events/lane.ts";
import { copyText, h, setText } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { jsonTree } from "../ui/tree.ts";
import type { Display } from "../ui/widget-frame.ts";
import { AnnotationPanel } from "./annotation-panel.ts";
import { jsonLine } from "./export.ts";
import type { Pointing } from "./pointing.ts";
import { runText } from "./run-text.ts";
import type { Showing } from "./showing.ts";

/** A joined text longer than this is cut; the events have it all. */
const RUN_LIMIT = 200_000;
const RAW_LIMIT = 500_000;

export class Details {
  readonly element: HTMLElement;
  readonly #title = h("b", { class: "title" });
  readonly #facts = h("dl", { class: "facts" });
  readonly #body = h("div", { class: "body" });
  readonly #annotations: AnnotationPanel;
  readonly #raw = h("button", { "aria-pressed": "false", text: "raw" });
  #shown = "";
  #isRaw = false;

  /** `closed` is called after it was closed. */
  constructor(
    private readonly session: Session,
    private readonly showing: Showing,
    private readonly pointing: Pointing,
    private readonly display: Display,
    private readonly closed: () => void,
  ) {
    this.#annotations = new AnnotationPanel(session);
    const copy = h("button", { title: "copy the event as JSON", text: "copy" });
    copy.addEventListener("click", () => this.#copy());
    this.#raw.addEventListener("click", () => this.#toggleRaw());
    const name = { title: "close (Esc)", "aria-label": "close details" };
    const close = h("button", name, icon("cross"));
    close.addEventListener("click", () => this.close());
    this.element = h(
      "section",
      { class: "details", "aria-label": "Details of the event" },
      h(
        "div",
        { class: "details-head" },
        this.#title,
        this.#annotations.button,
        this.#raw,
        copy,
        close,
      ),
      h(
        "div",
        { class: "details-scroll", tabindex: 0, role: "region", "aria-label": "Event" },
        this.#annotations.element,
        this.#facts,
        this.#body,
      ),
    );
    this.element.hidden = true;
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  /** Show the active event; drawn with the next frame. */
  openIt(): void {
    this.element.hidden = false;
    this.#shown = "";
  }

  close(): void {
    this.element.hidden = true;
    this.closed();
  }

  draw(): void {
    if (!this.open) return;
    const { active } = this.pointing;
    const row = this.pointing.activeRow();
    this.#show(row?.position ?? active, row?.last ?? active);
  }

  /** Show what `from` … `to` are; drawn again only when that changed. */
  #show(from: number, to: number): void {
    const { store } = this.session;
    const event = store.get(from);
    if (event) this.#annotations.draw(event, from, to, this.showing.limit);
    const pair = store.pairAt(from, this.showing.limit);
    const key = [from, to, pair?.close ?? "", this.#isRaw].join(" ");
    if (!event || key === this.#shown) return;
    this.#shown = key;
    setText(this.#title, visible(event.event_type));
    const last = to > from ? store.get(to) : null;
    this.#facts.replaceChildren(...this.#factsOf(event, last, pair));
    this.#body.replaceChildren(...(last ? this.#run(event, from, to) : this.#event(event)));
  }

  #event(event: EventAt): Node[] {
    const parsed = this.#isRaw ? undefined : parseJson(event.payload);
    if (parsed === undefined || typeof parsed === "string")
      return [rawText(parsed ?? event.payload)];
    return [
      jsonTree(parsed, {
        filter: (path, value) => this.showing.addTerm(`${path}=${quoted(value)}`),
        copy: (text) => this.#put(text, "value copied"),
      }),
    ];
  }

  #run(first: EventAt, from: number, to: number): Node[] {
    const text = runText(
      this.session.store,
      this.showing.rows,
      { position: from, last: to },
      RUN_LIMIT,
    );
    const isOpen = this.showing.unfolded.has(from);
    const unfold = h("button", {
      class: "wide",
      text: isOpen ? "fold the pieces" : "show the pieces as rows",
    });
    unfold.addEventListener("click", () => this.showing.toggleFold(from));
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
    this.display.invalidate();
  }

  #copy(): void {
    const event = this.session.store.get(this.pointing.active);
    if (!event) return;
    const parsed = parseJson(jsonLine(event));
    this.#put(parsed === undefined ? jsonLine(event) : writeJson(parsed, "  "), "event copied");
  }

  #put(text: string, done: string): void {
    copyText(text, this.element).then((ok) =>
      this.display.say(ok ? done : "the browser refused to copy"),
    );
  }

  #factsOf(event: EventAt, last: EventAt | null, pair: Pair | null): Node[] {
    const rows: [string, string | Node][] = [
      ...(this.session.several ? [axonFact(event, this.session)] : []),
      ["sequence", last ? `${event.sequence} – ${last.sequence}` : String(event.sequence)],
      ["time", `${date(event.timestamp_ms).slice(0, 10)} ${clock(event.timestamp_ms)}`],
      ["since start", since(event.timestamp_ms - this.session.store.oldestTime)],
      ["source", visible(event.source)],
      ["origin", visible(event.origin)],
      ["size", plural(event.payload.length, "character")],
    ];
    if (last) rows.splice(-4, 0, ["lasted", duration(last.timestamp_ms - event.timestamp_ms)]);
    const partner = this.#pairFact(event, pair);
    if (partner) rows.push(partner);
    return rows.flatMap(([name, value]) => [
      h("dt", { text: name }),
      h("dd", { dir: "auto" }, value),
    ]);
  }

  #pairFact(event: EventAt, pair: Pair | null): [string, Node] | null {
    if (!pair || pair.open < 0 || pair.close < 0) return null;
    const isOpen = pair.open === event.position;
    const other = isOpen ? pair.close : pair.open;
    const elapsed = duration(pair.closeTime - pair.openTime);
    const text = `${this.session.store.sequence(other)} (${elapsed})`;
    const button = h("button", { class: "link", text });
    button.addEventListener("click", () => this.pointing.goTo(other));
    return [isOpen ? "ends with" : "began with", button];
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

function axonFact({ axon, axon_id }: EventAt, { store }: Session): [string, string] {
  const name = store.axonName(axon);
  return ["axon", visible(name === axon_id ? name : `${name} (${axon_id})`)];
}
