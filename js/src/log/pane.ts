// One scrolling pane: a pool of fixed-height rows under a native scroll bar.
//
// The element scrolls natively in both directions; the layer with the rows stays in place and only
// the visible columns of the visible rows are in the DOM, whatever the line's length.

import { clock, count } from "../base/format.ts";
import { h, keepKeys, on, setAttribute, setText } from "../ui/dom.ts";
import { Follow } from "../ui/follow.ts";
import { icon } from "../ui/icons.ts";
import type { ScrollMap } from "../ui/scroll-map.ts";
import { Scroller } from "../ui/scroller.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { Bits } from "./arena.ts";
import type { Finding } from "./finding.ts";
import { LineElement } from "./line.ts";
import type { LogLook } from "./log-look.ts";
import { Rows } from "./log-rows.ts";
import type { LogSession } from "./log-session.ts";
import { LINE_LIMIT, OPEN_ROW, type ShownLine, type StreamName } from "./output-store.ts";
import { PanePointer, type PointedPane } from "./pane-pointer.ts";
import { columnOf } from "./pieces.ts";

const CACHE = 400;
/** Columns that an unwrapped line can be scrolled to. */
const WIDEST = LINE_LIMIT;

/** What a pane asks of the log that it is in. */
export interface PaneActions {
  followChanged(): void;
  showLine(row: number): void;
}

export class Pane implements PointedPane {
  readonly element: HTMLElement;
  readonly box: HTMLElement;
  readonly pointer: PanePointer;
  rows: Rows;
  readonly follow: Follow;
  /** Row of the search's current find, -1 for none. */
  find = -1;

  readonly #layer = h("div", { class: "lines", role: "presentation" });
  readonly #pillText = h("span");
  readonly #pill = h("button", { class: "pill" }, icon("newest"), this.#pillText);
  readonly #empty = h("div", { class: "empty" });
  readonly #ticks = h("canvas", { class: "ticks", "aria-hidden": "true" });
  readonly #pool: LineElement[] = [];
  readonly #cache = new Map<number, { version: number; line: ShownLine }>();
  width = 0;
  /** Of the visible part, px. */
  height = 0;
  readonly #scroller: Scroller;
  #complete = false;
  #seen = 0;
  #ticksKey = "";
  #anchor: { row: number; y: number } | null = null;

  constructor(
    private readonly session: LogSession,
    private readonly look: LogLook,
    private readonly finding: Finding,
    private readonly display: Display,
    private readonly log: PaneActions,
    readonly streams: "both" | StreamName,
    following: boolean,
  ) {
    this.follow = new Follow(following, () => this.#followChanged());
    this.element = h(
      "div",
      { class: "pane", role: "log", "aria-live": "off", tabindex: 0 },
      this.#layer,
    );
    this.element.setAttribute("aria-label", streams === "both" ? "Output" : streams);
    keepKeys(this.element);
    this.box = h("div", { class: "pane-box" });
    if (look.streams === "apart") this.box.append(h("div", { class: "pane-name", text: streams }));
    const frame = h("div", { class: "pane-frame" }, this.element, this.#empty, this.#ticks);
    frame.append(this.#pill);
    this.box.append(frame);
    this.#scroller = new Scroller(this.element, this.follow, display);
    this.element.append(this.#scroller.spacer);
    this.pointer = new PanePointer(this, look, display.signal);
    this.rows = this.#newRows();
    this.scroll.rowHeight = look.lineHeight;
    on(this.#pill, "click", () => this.toEnd(), display.signal);
  }

  get scroll(): ScrollMap {
    return this.#scroller.map;
  }

  get following(): boolean {
    return this.follow.on;
  }

  // ---- what is shown ----------------------------------------------------------------------

  /** What is shown is chosen anew; the line at the top stays where it is. */
  rebuild(): void {
    this.#anchor ??= this.#topRow();
    this.pointer.selection.clear();
    this.rows = this.#newRows();
    this.#ticksKey = "";
    this.redraw();
  }

  /** Another store: nothing that was parsed is of use. */
  replace(): void {
    this.#cache.clear();
    this.rebuild();
  }

  redraw(): void {
    for (const line of this.#pool) line.key = "";
    this.display.invalidate();
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element;
    if (clientHeight === 0) return;
    const columns = this.rows.options.columns;
    this.width = clientWidth;
    this.height = clientHeight;
    // Whole lines only: what is left over stays empty below the last one.
    this.scroll.view =
      Math.max(1, Math.floor(clientHeight / this.look.lineHeight)) * this.look.lineHeight;
    this.#layer.style.width = `${clientWidth}px`;
    this.#layer.style.height = `${clientHeight}px`;
    if (this.#columns() !== columns) this.rebuild();
    this.redraw();
  }

  /** Takes in what is new and draws; false when there is more to take in. */
  draw(): boolean {
    const { scroll, rows } = this;
    scroll.rowHeight = this.look.lineHeight;
    this.#complete = rows.update();
    scroll.rows = rows.places;
    if (this.#anchor && this.#complete) {
      const { row, y } = this.#anchor;
      this.#anchor = null;
      scroll.moveTo(rows.placeOf(rows.indexOf(row)) * scroll.rowHeight - y);
    }
    if (this.following) scroll.moveTo(scroll.bottom);
    scroll.moveTo(scroll.top);
    if (this.height > 0) this.#drawLines();
    this.#drawPill();
    // This lays out, so it comes last.
    this.#syncScrollBar();
    return this.#complete;
  }

  /** What need not be drawn twenty times a second. */
  drawSlow(empty: string): void {
    setText(this.#empty, empty);
    this.#empty.hidden = this.rows.count > 0 || empty === "";
    setAttribute(this.element, "aria-description", `${count(this.rows.count)} lines`);
    this.#drawTicks();
  }

  /** The row as it is shown, parsed once while it does not change. */
  line(row: number): ShownLine {
    const { store } = this.session;
    const version = store.version(row);
    const known = this.#cache.get(row);
    if (known?.version === version) return known.line;
    const line = store.line(row);
    if (this.#cache.size > CACHE) this.#cache.clear();
    this.#cache.set(row, { version, line });
    return line;
  }

  #newRows(): Rows {
    const { streams } = this;
    const { filter } = this.finding;
    const unfolded = this.look.fold ? this.finding.unfolded : null;
    return new Rows(this.session.store, {
      streams,
      filter,
      unfolded,
      columns: this.#columns(),
    });
  }

  /** Columns of a wrapped line; 0 while lines are not wrapped or nothing has a size. */
  #columns(): number {
    if (!this.look.wrap || this.width === 0) return 0;
    return Math.max(10, this.#textColumns());
  }

  #textColumns(): number {
    return Math.floor((this.width - this.look.gutter - 14) / this.look.charWidth);
  }

  #drawLines(): void {
    const { scroll, rows, look } = this;
    const size = Math.ceil(this.height / scroll.rowHeight) + 1;
    while (this.#pool.length < size) {
      const line = new LineElement();
      this.#pool.push(line);
      this.#layer.append(line.element);
    }
    const [first, last] = scroll.window();
    const left = look.wrap ? 0 : this.element.scrollLeft;
    const used = new Set<number>();
    for (let place = first; place < last; place++) {
      const slot = place % this.#pool.length;
      used.add(slot);
      this.#drawLine(this.#pool[slot]!, place, left);
      this.#pool[slot]!.place(place * scroll.rowHeight - scroll.top);
    }
    for (const [slot, line] of this.#pool.entries()) if (!used.has(slot)) line.hide();
    if (this.#complete && rows.count > 0 && this.following) this.#seen = rows.count;
  }

  #drawLine(element: LineElement, place: number, left: number): void {
    const { rows, look, finding } = this;
    const { store } = this.session;
    const { row, part } = rows.at(place);
    const index = look.fold || this.pointer.selection.range ? rows.indexOf(row) : -1;
    const { columns } = rows.options;
    const from = columns > 0 ? part * columns : Math.floor(left / look.charWidth);
    const to = from + (columns > 0 ? columns : this.#textColumns() + 2);
    const selected = this.pointer.selection.columns(index);
    const hidden = part === 0 ? rows.folded(row) : 0;
    const version = store.version(row);
    const level = row < OPEN_ROW ? store.level(row) : 0;
    const where = `${row} ${version} ${part} ${from} ${to} ${left}`;
    const key = `${where} ${selected} ${row === this.find} ${hidden} ${level} ${look.drawKey}`;
    if (key === element.key) return;
    element.key = key;
    const line = this.line(row);
    const isNote = store.isNote(row);
    element.draw(look.paints, {
      number: part === 0 && look.numbers && row < OPEN_ROW && !isNote ? this.#number(row) : "",
      time: part === 0 && look.times && !isNote ? clock(store.time(row)) : "",
      stream: store.streamOf(row),
      tagged: part === 0 && this.streams === "both",
      kind: isNote ? "note" : row === this.find ? "find" : "",
      gap: this.#isGap(place, row, part),
      level,
      fold: hidden === 0 ? "" : finding.unfolded.has(row) ? "down" : "right",
      hidden: hidden > 0 && !finding.unfolded.has(row) ? hidden : 0,
      spans: line.spans,
      places: finding.query && !isNote ? finding.query.places(line.text) : [],
      from,
      to,
      shift: columns > 0 ? 0 : left - from * look.charWidth,
      charWidth: look.charWidth,
      selected,
      cut: line.cut > 0 && this.#isLastPart(row, part) ? line.cut : 0,
    });
  }

  /** Whether a filter left out what was before this row. */
  #isGap(place: number, row: number, part: number): boolean {
    if (this.finding.filter === null || place === 0 || part > 0) return false;
    return this.rows.at(place - 1).row !== row - 1;
  }

  /** Lines are counted over both streams, or within the one that is shown. */
  #number(row: number): string {
    return count(this.streams === "both" ? row + 1 : this.session.store.lineOf(row) + 1);
  }

  #isLastPart(row: number, part: number): boolean {
    const { columns } = this.rows.options;
    if (columns === 0) return true;
    return (part + 1) * columns >= Math.min(this.session.store.width(row), LINE_LIMIT);
  }

  #drawPill(): void {
    const fresh = this.following ? 0 : this.rows.count - this.#seen;
    const text = fresh > 0 ? `${count(fresh)} new · End to follow` : "";
    setText(this.#pillText, text);
    this.#pill.hidden = text === "";
  }

  /** Where finds and errors are, next to the scroll bar. */
  #drawTicks(): void {
    const { search } = this.finding;
    const { errors } = this.session.classifier;
    const found = search?.rows ?? null;
    const key = `${found?.size} ${errors.size} ${this.rows.count} ${this.height} ${this.find}`;
    if (key === this.#ticksKey) return;
    this.#ticksKey = key;
    const canvas = this.#ticks;
    canvas.width = 6;
    canvas.height = Math.max(1, this.height);
    const context = canvas.getContext("2d");
    if (!context || this.rows.count === 0 || !(found?.size || errors.size)) return;
    const style = getComputedStyle(canvas);
    const height = Math.min(this.height, this.rows.places * this.scroll.rowHeight);
    for (let y = 0; y < height; y += 2) {
      const [from, to] = this.#rowsAt(y, height);
      const isFound = found !== null && this.#anyOf(found, from, to);
      if (!isFound && !this.#anyOf(errors, from, to)) continue;
      context.fillStyle = isFound ? style.color : style.borderTopColor;
      context.fillRect(isFound ? 0 : 3, y, isFound ? 6 : 3, 2);
    }
  }

  #anyOf(rows: Bits, from: number, to: number): boolean {
    if (this.streams === "both") return rows.any(from, to);
    for (const row of rows.between(from, to)) if (this.#isOurs(row)) return true;
    return false;
  }

  #isOurs(row: number): boolean {
    return this.streams === "both" || this.session.store.streamOf(row) === this.streams;
  }

  /** Store rows that two pixels of the scroll bar stand for. */
  #rowsAt(y: number, height: number): [number, number] {
    const { rows } = this;
    const at = (pixel: number) => Math.floor((pixel / height) * rows.count);
    const first = Math.min(at(y), rows.count - 1);
    const from = Math.min(rows.rowAt(first), this.session.store.rows);
    const next = Math.max(first + 1, at(y + 2));
    const to = next < rows.count ? rows.rowAt(next) : this.session.store.rows;
    return [from, Math.max(from + 1, Math.min(to, this.session.store.rows))];
  }

  // ---- scrolling --------------------------------------------------------------------------

  #followChanged(): void {
    this.#seen = this.rows.count;
    this.log.followChanged();
  }

  showLine(row: number): void {
    this.log.showLine(row);
  }

  toggleEntry(row: number): void {
    this.finding.toggleEntry(row);
  }

  toEnd(): void {
    this.follow.feed({ type: "end" });
    this.display.invalidate();
  }

  toStart(): void {
    this.follow.feed({ type: "up" });
    this.scroll.moveTo(0);
    this.display.invalidate();
  }

  scrollBy(lines: number): void {
    this.#scroller.scrollBy(lines * this.scroll.rowHeight);
  }

  get pageLines(): number {
    return Math.max(1, Math.floor(this.height / this.scroll.rowHeight) - 1);
  }

  scrollColumns(columns: number): void {
    this.element.scrollLeft += columns * this.look.charWidth;
  }

  /** Show a row of the store, and the place in it that was found. */
  goTo(row: number): void {
    this.follow.feed({ type: "hold" });
    this.find = row;
    const { rows, scroll } = this;
    const places = this.finding.query?.places(this.line(row).text) ?? [];
    const column = places[0] ? columnOf(this.line(row).text, places[0][0]) : 0;
    const { columns } = rows.options;
    const part = columns > 0 ? Math.floor(column / columns) : 0;
    scroll.rows = rows.places;
    scroll.center(rows.placeOf(rows.indexOf(row)) + part);
    if (columns === 0) this.#revealColumn(column);
    this.redraw();
  }

  /** Row at the top and in the middle of the pane, to go on from. */
  get here(): number {
    if (this.find >= 0) return this.find;
    if (this.rows.count === 0) return 0;
    const row = this.rows.at(this.scroll.window()[0]).row;
    return Math.min(row, this.session.store.rows) - 1;
  }

  #revealColumn(column: number): void {
    const x = column * this.look.charWidth;
    const { scrollLeft } = this.element;
    const room = this.#textColumns() * this.look.charWidth;
    if (x < scrollLeft || x > scrollLeft + room - 80) this.element.scrollLeft = Math.max(0, x - 80);
  }

  #topRow(): { row: number; y: number } | null {
    const { scroll, rows } = this;
    if (this.following || rows.count === 0) return null;
    const place = Math.min(rows.places - 1, scroll.window()[0]);
    const { row, part } = rows.at(place);
    return { row, y: (place - part) * scroll.rowHeight - scroll.top };
  }

  #syncScrollBar(): void {
    const { look } = this;
    const { spacer } = this.#scroller;
    const columns = look.wrap ? 0 : Math.min(this.session.store.widest, WIDEST);
    const width = look.wrap ? 0 : look.gutter + columns * look.charWidth + 24;
    const shown = width > this.width ? `${Math.ceil(width)}px` : "0px";
    if (spacer.style.width !== shown) spacer.style.width = shown;
    this.#scroller.sync();
  }
}
