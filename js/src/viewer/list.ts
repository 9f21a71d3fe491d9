// The list: a pool of rows under a scroll bar, a few dozen elements for a million events.
//
// The viewport scrolls natively; the layer with the rows stays in place (sticky) and each row is
// moved to where it belongs.

import { clock, date, since } from "../base/format.ts";
import type { Session } from "../events/event-session.ts";
import type { EventAt } from "../events/event-store.ts";
import { type Summary, summarize } from "../events/summary.ts";
import { h, keepKeys, on, setAttribute, setText } from "../ui/dom.ts";
import type { Follow } from "../ui/follow.ts";
import { icon } from "../ui/icons.ts";
import type { ScrollMap } from "../ui/scroll-map.ts";
import { Scroller } from "../ui/scroller.ts";
import type { Display } from "../ui/widget-frame.ts";
import { axonHue } from "./axon-strip.ts";
import type { Look } from "./look.ts";
import type { Pointing } from "./pointing.ts";
import { dividerText, RowElement, type RowView } from "./row.ts";
import { Divider, type Row } from "./row-index.ts";
import { runText } from "./run-text.ts";
import type { Showing } from "./showing.ts";

export const HEAD_PX = 24;
const RUN_TEXT = 300;

interface Anchor {
  position: number;
  /** Distance of its row from the top of the view, px. */
  y: number;
}

const TIME_HEADS = { absolute: "time", start: "since start" } as const;
const DIGIT_PX = 7.3;
/** Name of the column in the style sheet, and its heading. */
const COLUMNS = [
  ["axon-cell", "axon"],
  ["seq", "#"],
  ["time", ""],
  ["gap", "gap"],
  ["type", "kind"],
  ["summary", "event"],
  ["pair", "duration"],
] as const;

let lists = 0;

export class List {
  readonly element: HTMLElement;
  /** Of the rows' ids: they are unique in the shadow root. */
  readonly #id = `axon-${++lists}`;
  readonly #layer = h("div", { class: "rows", role: "presentation" });
  readonly #timeName = h("span");
  readonly #pool: RowElement[] = [];
  readonly #scroller: Scroller;
  #height = 0;
  #sequenceWidth = "";

  constructor(
    private readonly session: Session,
    private readonly showing: Showing,
    private readonly pointing: Pointing,
    private readonly look: Look,
    private readonly display: Display,
    follow: Follow,
    readonly scroll: ScrollMap,
  ) {
    const heads = COLUMNS.map(([name, title]) => {
      const head = h("span", { class: name, role: "columnheader", text: title });
      if (name === "time") head.append(this.#timeHead());
      if (name === "gap") head.title = "since the event in the row before";
      return head;
    });
    const head = h("div", { class: "head", role: "row", "aria-rowindex": 1 }, ...heads);
    const props = { role: "grid", tabindex: 0, "aria-label": "Events" };
    this.element = h("div", { class: "list", ...props }, head, this.#layer);
    this.element.setAttribute("aria-multiselectable", "true");
    keepKeys(this.element);
    this.#scroller = new Scroller(this.element, follow, display, scroll);
    this.element.append(this.#scroller.spacer);
    on(this.element, "click", (event) => this.#click(event), display.signal);
  }

  /** Lay out for a visible height; rows are drawn with the next frame. */
  resize(height: number): void {
    this.#height = Math.max(0, height - HEAD_PX);
    this.scroll.view = this.#height;
    this.#layer.style.height = `${this.#height}px`;
    this.display.invalidate();
  }

  /** Remember what is active on the screen, or at its top: rows put above do not move it. */
  anchor(): Anchor | null {
    const { rows } = this.showing;
    const { active } = this.pointing;
    const [first, last] = this.scroll.window();
    if (this.pointing.isShown) {
      const y = rows.indexOf(active) * this.scroll.rowHeight - this.scroll.top;
      return { position: active, y };
    }
    for (let i = first; i < last; i++) {
      const row = rows.row(i);
      if (row && row.divider === 0) {
        return { position: row.position, y: i * this.scroll.rowHeight - this.scroll.top };
      }
    }
    return null;
  }

  restore(anchor: Anchor): void {
    const index = this.showing.rows.indexOf(anchor.position);
    this.scroll.moveTo(index * this.scroll.rowHeight - anchor.y);
  }

  toEnd(): void {
    this.scroll.moveTo(this.scroll.bottom);
  }

  /** Write the rows of the current window into the pool. */
  draw(): void {
    const { scroll, showing } = this;
    setText(this.#timeName, TIME_HEADS[this.look.times]);
    this.#fitSequence();
    if (this.#height <= 0) return;
    const [first, last] = scroll.window();
    this.#fill(Math.ceil(this.#height / scroll.rowHeight) + 1);
    const size = this.#pool.length;
    const used = new Set<number>();
    for (let i = first; i < last; i++) {
      const row = showing.rows.row(i);
      const element = this.#pool[i % size]!;
      if (!row) continue;
      used.add(i % size);
      this.#drawRow(element, i, row);
      element.place(i * scroll.rowHeight - scroll.top);
    }
    for (const [i, element] of this.#pool.entries()) if (!used.has(i)) element.hide();
    setAttribute(this.element, "aria-rowcount", String(showing.rows.length + 1));
    this.#pointAtActive(first, last);
  }

  /** Rows of another height: what is at the top stays there. */
  setRowHeight(px: number): void {
    if (this.scroll.rowHeight === px) return;
    const anchor = this.anchor();
    this.scroll.rowHeight = px;
    if (anchor) this.restore(anchor);
  }

  /** Bring the scroll bar along. This lays out, so it comes after whatever else was written. */
  syncScrollBar(): void {
    this.#scroller.sync();
  }

  #timeHead(): HTMLElement {
    const title = "time of day, or since the start (t)";
    const button = h("button", { class: "time-mode", title }, this.#timeName, icon("sort"));
    on(button, "click", () => this.look.cycleTimes(), this.display.signal);
    return button;
  }

  #click(event: MouseEvent): void {
    const row = this.showing.rows.row(this.#indexAt(event.clientY));
    if (row?.divider === 0) this.pointing.click(row, event);
  }

  /** The first column is as wide as the newest sequence. */
  #fitSequence(): void {
    const { store } = this.session;
    const newest = Math.max(0, ...store.lanes.map((lane) => lane.newest - lane.start));
    const digits = Math.max(3, String(newest).length);
    const width = `${Math.ceil(digits * DIGIT_PX) + 14}px`;
    if (width === this.#sequenceWidth) return;
    this.#sequenceWidth = width;
    this.element.style.setProperty("--seq", width);
  }

  #fill(size: number): void {
    while (this.#pool.length < size) {
      const row = new RowElement(`${this.#id}-row-${this.#pool.length}`);
      this.#pool.push(row);
      this.#layer.append(row.element);
    }
  }

  #drawRow(element: RowElement, index: number, row: Row): void {
    const { pointing, showing } = this;
    const { store } = this.session;
    const event = store.get(row.position);
    if (!event) {
      element.hide();
      return;
    }
    const pair = store.pairAt(row.position, showing.limit);
    const selected = row.divider === 0 && pointing.selection.has(row.position);
    const active = row.divider === 0 && pointing.isActive(row);
    const missing = row.divider === Divider.Missing ? this.#missing(row) : 0;
    const key = [
      index,
      row.position,
      row.last,
      row.count,
      row.divider,
      row.child,
      selected,
      active,
      missing,
      pair?.close ?? "",
      this.session.annotations.changes,
      showing.limit,
      this.look.drawKey,
    ].join(" ");
    if (key === element.key) return;
    element.key = key;
    element.draw(this.#rowView(index, row, event, { pair, selected, active }));
  }

  #rowView(
    index: number,
    row: Row,
    event: EventAt,
    known: Pick<RowView, "pair" | "selected" | "active">,
  ): RowView {
    const { pointing } = this;
    return {
      ...known,
      index,
      row,
      event,
      axon: this.session.several ? this.session.store.axonName(event.axon) : "",
      axonHue: this.session.several ? axonHue(event.axon) : "",
      time: this.#time(event),
      gap: row.divider === 0 ? this.#gap(index, event) : null,
      timeTitle: `${date(event.timestamp_ms)} · ${clock(event.timestamp_ms)} · ${event.source} · ${event.origin}`,
      summary: row.divider === 0 ? this.#summary(row, event) : { lead: "", text: "", tone: "" },
      badges: row.divider === 0 ? this.#badges(row) : [],
      divider: row.divider === 0 ? "" : this.#divider(row, event),
      old: this.session.store.isOld(row.position),
      found: pointing.search.active && pointing.search.has(row.position, row.last),
      unfolded: this.showing.unfolded.has(row.position),
      highlight: pointing.highlight,
    };
  }

  #time(event: EventAt): string {
    if (this.look.times === "absolute") return clock(event.timestamp_ms);
    return since(event.timestamp_ms - this.session.store.oldestTime);
  }

  /** Since the last event of the row before, ms; null for the first row. */
  #gap(index: number, event: EventAt): number | null {
    for (let i = index - 1; i >= 0 && i > index - 4; i--) {
      const row = this.showing.rows.row(i);
      if (row?.divider !== 0) continue;
      const before = this.session.store.get(row.last);
      const gap = before ? event.timestamp_ms - before.timestamp_ms : -1;
      return gap < 0 ? null : gap; // a run of another axon may end later
    }
    return null;
  }

  #summary(row: Row, event: EventAt): Summary {
    const own = summarize(event.event_type, event.origin, event.payload);
    if (row.count > 1)
      return { ...own, text: runText(this.session.store, this.showing.rows, row, RUN_TEXT) };
    // An update of a tool call names only its id; the call itself has the title.
    const { store } = this.session;
    const open = store.pairAt(row.position)?.open ?? -1;
    const call = own.unnamed && open >= 0 && open !== row.position ? store.get(open) : null;
    return call
      ? { ...own, lead: summarize(call.event_type, call.origin, call.payload).lead }
      : own;
  }

  #badges(row: Row): RowView["badges"] {
    return this.session.annotationsOf(row.position, row.last, this.showing.limit);
  }

  #divider(row: Row, event: EventAt): string {
    const { session } = this;
    const before = session.store.previousFilled(row.position);
    const previous = before < 0 ? null : session.store.get(before);
    const epoch = session.store.epochs[session.store.laneAt(row.position)?.epoch ?? 0];
    return dividerText(row.divider as Divider, {
      quietMs: previous ? event.timestamp_ms - previous.timestamp_ms : 0,
      missing: this.#missing(row),
      why: session.isLost(row.position - 1)
        ? "lost"
        : session.isRecoverable(row.position - 1)
          ? "recovering"
          : "not kept",
      label:
        row.divider === Divider.Epoch
          ? (epoch?.label ?? "")
          : (session.marks.get(row.position) ?? ""),
    });
  }

  /** Events missing directly before a row. */
  #missing(row: Row): number {
    const { session } = this;
    const before = session.store.previousFilled(row.position);
    const lane = session.store.laneAt(row.position);
    const from = before < 0 && lane ? session.startOf(lane) : before + 1;
    return row.position - from;
  }

  #pointAtActive(first: number, last: number): void {
    const { active } = this.pointing;
    const { rows } = this.showing;
    const index = active < 0 ? -1 : rows.indexOf(active);
    const shown = index >= first && index < last && this.#pool.length > 0;
    const id = shown ? this.#pool[index % this.#pool.length]!.element.id : null;
    setAttribute(this.element, "aria-activedescendant", id);
  }

  /** Index of the row under a point, -1 for none. */
  #indexAt(clientY: number): number {
    const y = clientY - this.element.getBoundingClientRect().top - HEAD_PX;
    if (y < 0) return -1;
    const index = Math.floor((y + this.scroll.top) / this.scroll.rowHeight);
    return index < this.showing.rows.length ? index : -1;
  }
}
