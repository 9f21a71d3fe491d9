// What the pointer does in a pane: select by dragging, words and lines by clicks, open what is folded.
//
// The rows in the DOM are a few of many, so the selection is by line and column, not the browser's.

import { on } from "../ui/dom.ts";
import type { ScrollMap } from "../ui/scroll-map.ts";
import type { LogLook } from "./log-look.ts";
import type { Rows } from "./log-rows.ts";
import type { ShownLine } from "./output-store.ts";
import { columnOf, indexOf, wordAt } from "./pieces.ts";
import { END, type Point, Selection } from "./text-selection.ts";

/** The pane that is pointed at. */
export interface PointedPane {
  readonly element: HTMLElement;
  readonly rows: Rows;
  readonly scroll: ScrollMap;
  /** Of the visible part, px. */
  readonly width: number;
  readonly height: number;
  line(row: number): ShownLine;
  redraw(): void;
  scrollBy(lines: number): void;
  /** Show a very long line by itself. */
  showLine(row: number): void;
  /** Fold an entry, or show it whole. */
  toggleEntry(row: number): void;
}

export class PanePointer {
  readonly selection = new Selection();

  constructor(
    private readonly pane: PointedPane,
    private readonly look: LogLook,
    private readonly signal: AbortSignal,
  ) {
    on(pane.element, "mousedown", (event) => this.#press(event), signal);
    on(pane.element, "click", (event) => this.#click(event), signal);
  }

  #click(event: MouseEvent): void {
    const target = event.target as Element;
    const point = this.#pointAt(event);
    if (target.closest(".cut-more")) this.pane.showLine(this.pane.rows.rowAt(point.index));
    else if (target.closest(".fold, .fold-more"))
      this.pane.toggleEntry(this.pane.rows.rowAt(point.index));
  }

  #press(event: MouseEvent): void {
    const target = event.target as Element;
    if (event.button !== 0 || target.closest("a, button") || event.offsetX > this.pane.width)
      return;
    if (event.clientY > this.pane.element.getBoundingClientRect().top + this.pane.height) return;
    if (this.pane.rows.count === 0 || target.closest(".fold, .fold-more, .cut-more")) return;
    const point = this.#pointAt(event);
    if (event.shiftKey) this.selection.extend(point);
    else this.selection.start(point);
    if (event.detail === 2) this.#selectWord(point);
    if (event.detail === 3) this.#selectLine(point.index);
    this.pane.redraw();
    if (event.detail === 1) this.#drag(event);
  }

  #drag(down: MouseEvent): void {
    const ended = new AbortController();
    const { signal } = ended;
    let last = down;
    // Beyond the edge the pane scrolls under a resting pointer.
    const timer = setInterval(() => this.#autoscroll(last), 50);
    const end = () => {
      clearInterval(timer);
      ended.abort();
    };
    const move = (event: MouseEvent) => {
      last = event;
      // A button let go outside the window is seen only now.
      if (event.buttons === 0) end();
      else this.selection.extend(this.#pointAt(event));
      this.pane.redraw();
    };
    on(window, "mousemove", move, signal);
    on(window, "mouseup", end, signal);
    this.signal.addEventListener("abort", end, { signal });
  }

  #autoscroll(event: MouseEvent): void {
    const { top } = this.pane.element.getBoundingClientRect();
    const over =
      Math.max(0, event.clientY - top - this.pane.height) + Math.min(0, event.clientY - top);
    if (over === 0) return;
    this.pane.scrollBy(Math.sign(over) * Math.min(20, 1 + Math.floor(Math.abs(over) / 12)));
    this.selection.extend(this.#pointAt(event));
    this.pane.redraw();
  }

  #pointAt(event: MouseEvent): Point {
    const { pane, look } = this;
    const { rows, scroll } = pane;
    const box = pane.element.getBoundingClientRect();
    const y = Math.min(Math.max(0, event.clientY - box.top), this.pane.height - 1);
    const place = Math.min(rows.places - 1, Math.floor((y + scroll.top) / scroll.rowHeight));
    const { row, part } = rows.at(Math.max(0, place));
    const { columns } = rows.options;
    const x = event.clientX - box.left - look.gutter;
    const first = columns > 0 ? part * columns : this.pane.element.scrollLeft / look.charWidth;
    const column = Math.max(0, Math.round(first + x / look.charWidth));
    return { index: rows.indexOf(row), column };
  }

  #selectWord({ index, column }: Point): void {
    const { text } = this.pane.line(this.pane.rows.rowAt(index));
    const [from, to] = wordAt(text, indexOf(text, column));
    const point = (at: number): Point => ({ index, column: columnOf(text, at) });
    this.selection.set(point(from), point(to));
  }

  #selectLine(index: number): void {
    this.selection.set({ index, column: 0 }, { index, column: END });
  }

  selectAll(): void {
    const last = { index: this.pane.rows.count - 1, column: END };
    if (this.pane.rows.count > 0) this.selection.set({ index: 0, column: 0 }, last);
    this.pane.redraw();
  }

  /** The selected text from the store: lines outside the view included. */
  selectedText(limit: number): { text: string; lines: number; cut: boolean } {
    const { range } = this.selection;
    if (!range) return { text: "", lines: 0, cut: false };
    const [from, to] = range;
    const last = Math.min(to.index, from.index + limit - 1);
    const lines: string[] = [];
    for (let index = from.index; index <= last; index++) {
      const { text } = this.pane.line(this.pane.rows.rowAt(index));
      const [first, end] = this.selection.columns(index) ?? [0, 0];
      lines.push(text.slice(indexOf(text, first), end === END ? undefined : indexOf(text, end)));
    }
    const open = to.column === END ? "\n" : "";
    return { text: lines.join("\n") + open, lines: lines.length, cut: last < to.index };
  }
}
