// Which event is meant: active, selected, found. Moving there, copying, exporting.

import { count, plural } from "../base/format.ts";
import { copyText, download } from "../ui/dom.ts";
import { highlighter, Search, type SearchOptions } from "./event-search.ts";
import { Selection } from "./event-selection.ts";
import type { View } from "./event-view.ts";
import { csv, jsonl } from "./export.ts";
import type { Row } from "./row-index.ts";

const COPY_LIMIT = 100_000;
const SELECT_RANGES = 1000;
const SELECT_MS = 150;

export class Pointing {
  readonly selection = new Selection();
  readonly search: Search;
  /** Index into `search.found`, -1 for none. */
  findIndex = -1;
  /** Marks what was found in the text of a row. */
  highlight: RegExp | null = null;
  #timer = 0;

  constructor(private readonly view: View) {
    this.search = new Search(view.session.store);
    view.signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  get active(): number {
    return this.selection.active;
  }

  isActive(row: Row): boolean {
    const { active } = this;
    if (active < row.position || active > row.last) return false;
    return row.child || row.count === 1 || !this.view.showing.unfolded.has(row.position);
  }

  /** The row that shows the active event, if it is shown. */
  activeRow(): Row | null {
    const { rows } = this.view.showing;
    const row = this.active < 0 ? null : rows.row(rows.indexOf(this.active));
    return row && row.divider === 0 && this.active >= row.position && this.active <= row.last
      ? row
      : null;
  }

  // ---- moving -----------------------------------------------------------------------------------

  /** Show an event in the middle of the list and make it the active one. */
  goTo(position: number): void {
    const { list, showing } = this.view;
    this.view.feedFollow({ type: "hold" });
    this.selection.only(position, position);
    list.scroll.rows = showing.rows.length;
    list.scroll.center(showing.rows.indexOf(position));
    this.#selected();
  }

  /** Keep the active event on the screen when the list became smaller. */
  reveal(): void {
    const { list, showing } = this.view;
    if (this.activeRow()) list.scroll.reveal(showing.rows.indexOf(this.active));
  }

  /** Whether the active event is on the screen. */
  get isShown(): boolean {
    const [first, last] = this.view.list.scroll.window();
    const index = this.active < 0 ? -1 : this.view.showing.rows.indexOf(this.active);
    return index >= first && index < last;
  }

  goToPartner(): void {
    const pair = this.view.session.store.pairAt(this.active);
    if (!pair || pair.open < 0 || pair.close < 0) return;
    this.goTo(pair.open === this.active ? pair.close : pair.open);
  }

  move(by: number, extend: boolean): void {
    const { rows } = this.view.showing;
    const [first] = this.view.list.scroll.window();
    const start = this.active < 0 ? first - Math.sign(by) : rows.indexOf(this.active);
    if (by < 0) this.view.feedFollow({ type: "up" });
    let index = bounded(start + by, rows.length);
    // A divider cannot be active; several may stand together.
    while (
      rows.row(index)?.divider &&
      index + Math.sign(by) === bounded(index + Math.sign(by), rows.length)
    ) {
      index += Math.sign(by);
    }
    this.#activate(index, extend);
  }

  movePage(direction: 1 | -1, extend: boolean): void {
    const { scroll } = this.view.list;
    this.move(direction * Math.max(1, Math.floor(scroll.view / scroll.rowHeight) - 1), extend);
  }

  toStart(): void {
    this.view.feedFollow({ type: "up" });
    this.move(-this.view.showing.rows.length, false);
    this.view.list.scroll.moveTo(0);
  }

  toEnd(): void {
    this.#activate(this.view.showing.rows.length - 1, false);
    this.view.feedFollow({ type: "end" });
  }

  foldActive(fold: boolean): void {
    const row = this.activeRow();
    const head = row?.child ? this.#headOf(row) : row;
    if (!head || head.count < 2 || this.view.showing.unfolded.has(head.position) !== fold) return;
    this.selection.only(head.position, head.position);
    this.view.showing.toggleFold(head.position);
  }

  /** A click on a row, with or without Shift and Ctrl. */
  click(row: Row, event: MouseEvent): void {
    const target = event.target as Element;
    const several = event.shiftKey || event.ctrlKey || event.metaKey;
    if (event.shiftKey) this.selection.extend(row.position, row.last);
    else if (several) this.selection.toggle(row.position, row.last);
    else this.selection.only(row.position, row.last);
    this.view.feedFollow({ type: "hold" });
    if (target.closest(".pair") && target.textContent) this.goToPartner();
    else if (target.closest(".fold") && row.count > 1) this.view.showing.toggleFold(row.position);
    else if (!several) this.view.openDetails();
    this.#selected();
  }

  // ---- selection --------------------------------------------------------------------------------

  clear(): void {
    this.selection.clear();
    this.#selected();
  }

  selectAll(): void {
    const { showing, session } = this.view;
    this.selection.ranges = [[0, Math.min(showing.limit, session.store.newest)]];
    this.#selected();
    this.view.say(`${plural(showing.rows.hits, "event")} selected`);
  }

  /** JSON lines of the selected events, from the store: rows outside the view included. */
  async copy(): Promise<void> {
    const { showing, session, root } = this.view;
    const positions = this.selection.ranges.flatMap(([from, to]) => [
      ...showing.rows.positions(from, to),
    ]);
    const some = positions.slice(0, COPY_LIMIT);
    const done = await copyText([...jsonl(session.store, some)].join(""), root);
    const cut =
      some.length < positions.length ? ` of ${count(positions.length)}; export has them all` : "";
    this.view.say(
      done ? `${plural(some.length, "event")} copied${cut}` : "the browser refused to copy",
    );
  }

  export(what: "shown" | "all", format: "jsonl" | "csv"): void {
    const { showing, session, title, root } = this.view;
    const positions = (what === "all" ? showing.allRows() : showing.rows).positions();
    const [type, write] =
      format === "csv" ? (["text/csv", csv] as const) : (["application/x-ndjson", jsonl] as const);
    const name = title.replace(/[^\w.-]+/g, "_").slice(0, 60);
    download(`${name}.${format}`, type, [...write(session.store, positions)], root);
  }

  // ---- search -----------------------------------------------------------------------------------

  setSearch(options: SearchOptions): void {
    this.search.set(options);
    this.findIndex = -1;
    this.highlight = this.search.active ? highlighter(options) : null;
    this.view.redraw();
  }

  findNext(direction: 1 | -1): void {
    const { search } = this;
    if (!search.active) {
      this.view.toolbar.focusSearch();
      return;
    }
    this.findIndex = search.step(this.#searchFrom(), direction);
    const position = search.found[this.findIndex];
    if (position !== undefined) this.goTo(position);
    this.view.soon();
  }

  #searchFrom(): number {
    const found = this.search.found[this.findIndex];
    if (found !== undefined) return found;
    if (this.active >= 0) return this.active;
    const { list, showing } = this.view;
    return (showing.rows.row(list.scroll.window()[0])?.position ?? 0) - 1;
  }

  #headOf(child: Row): Row | null {
    const { rows } = this.view.showing;
    for (let i = rows.indexOf(child.position); i >= 0; i--) {
      const row = rows.row(i);
      if (row && !row.child) return row;
    }
    return null;
  }

  #activate(index: number, extend: boolean): void {
    const { list, showing } = this.view;
    const row = showing.rows.row(index);
    if (row?.divider !== 0) return;
    if (extend) this.selection.extend(row.position, row.last);
    else this.selection.only(row.position, row.last);
    list.scroll.rows = showing.rows.length;
    list.scroll.reveal(index);
    if (index < showing.rows.length - 1) this.view.feedFollow({ type: "hold" });
    this.#selected();
  }

  #selected(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#tell(), SELECT_MS);
    this.view.invalidate();
  }

  /** Python's `viewer.selected`. */
  #tell(): void {
    const { store, conn, stat } = this.view.session;
    const low = stat ? store.position(stat.start) : store.epochStart;
    const ranges = this.selection.ranges
      .filter(([, to]) => to >= low)
      .map(([from, to]): [number, number] => [
        store.sequence(Math.max(from, low)),
        store.sequence(to),
      ]);
    conn.select(ranges.slice(0, SELECT_RANGES), ranges.length > SELECT_RANGES);
  }
}

function bounded(index: number, length: number): number {
  return Math.max(0, Math.min(length - 1, index));
}
