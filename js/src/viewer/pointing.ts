// Which event is meant: active, selected, found. Moving there and copying.

import { count, plural } from "../base/format.ts";
import type { Session } from "../events/event-session.ts";
import type { Pattern } from "../filter/pattern.ts";
import type { AxonRange } from "../kernel/protocol.ts";
import { copyText } from "../ui/dom.ts";
import type { Follow } from "../ui/follow.ts";
import type { ScrollMap } from "../ui/scroll-map.ts";
import type { SearchOptions } from "../ui/search-box.ts";
import type { Display } from "../ui/widget-frame.ts";
import { highlighter, Search } from "./event-search.ts";
import { Selection } from "./event-selection.ts";
import { jsonl } from "./export.ts";
import type { Look } from "./look.ts";
import type { Row } from "./row-index.ts";
import type { Showing } from "./showing.ts";

const COPY_LIMIT = 100_000;
const SELECT_RANGES = 1000;
const SELECT_MS = 150;

export class Pointing {
  readonly selection = new Selection();
  readonly search: Search;
  /** Index into `search.found`, -1 for none. */
  findIndex = -1;
  /** Marks what was found in the text of a row. */
  highlight: Pattern | null = null;
  #timer = 0;

  /** `open` shows the active event in full. */
  constructor(
    private readonly session: Session,
    private readonly showing: Showing,
    private readonly scroll: ScrollMap,
    private readonly follow: Follow,
    private readonly look: Look,
    private readonly display: Display,
    private readonly opened: () => void,
  ) {
    this.search = new Search(session.store);
    display.signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  get active(): number {
    return this.selection.active;
  }

  isActive(row: Row): boolean {
    const { active } = this;
    if (active < row.position || active > row.last) return false;
    return row.child || row.count === 1 || !this.showing.unfolded.has(row.position);
  }

  /** The row that shows the active event, if it is shown. */
  activeRow(): Row | null {
    const { rows } = this.showing;
    const row = this.active < 0 ? null : rows.row(rows.indexOf(this.active));
    return row && row.divider === 0 && this.active >= row.position && this.active <= row.last
      ? row
      : null;
  }

  /** Show the active event in full. */
  open(): void {
    if (this.active < 0) return;
    this.opened();
    this.reveal();
  }

  // ---- moving -----------------------------------------------------------------------------------

  /** Show an event in the middle of the list and make it the active one. */
  goTo(position: number): void {
    const { scroll, showing } = this;
    this.follow.feed({ type: "hold" });
    this.selection.only(position, position);
    scroll.rows = showing.rows.length;
    scroll.center(showing.rows.indexOf(position));
    this.#selected();
  }

  /** Keep the active event on the screen when the list became smaller. */
  reveal(): void {
    const { scroll, showing } = this;
    if (this.activeRow()) scroll.reveal(showing.rows.indexOf(this.active));
  }

  /** Whether the active event is on the screen. */
  get isShown(): boolean {
    const [first, last] = this.scroll.window();
    const index = this.active < 0 ? -1 : this.showing.rows.indexOf(this.active);
    return index >= first && index < last;
  }

  goToPartner(): void {
    const partner = this.#partner();
    if (partner >= 0) this.goTo(partner);
  }

  /** The other end of the active event's pair, -1 for none. */
  #partner(): number {
    const pair = this.session.store.pairAt(this.active, this.showing.limit);
    if (!pair || pair.open < 0 || pair.close < 0) return -1;
    return pair.open === this.active ? pair.close : pair.open;
  }

  move(by: number, extend: boolean): void {
    const { rows } = this.showing;
    const [first] = this.scroll.window();
    const start = this.active < 0 ? first - Math.sign(by) : rows.indexOf(this.active);
    if (by < 0) this.follow.feed({ type: "up" });
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
    const { scroll } = this;
    this.move(direction * Math.max(1, Math.floor(scroll.view / scroll.rowHeight) - 1), extend);
  }

  toStart(): void {
    this.follow.feed({ type: "up" });
    this.move(-this.showing.rows.length, false);
    this.scroll.moveTo(0);
  }

  toEnd(): void {
    this.#activate(this.showing.rows.length - 1, false);
    this.follow.feed({ type: "end" });
  }

  foldActive(fold: boolean): void {
    const row = this.activeRow();
    const head = row?.child ? this.#headOf(row) : row;
    if (!head || head.count < 2 || this.showing.unfolded.has(head.position) !== fold) return;
    this.selection.only(head.position, head.position);
    this.showing.toggleFold(head.position);
  }

  /** A click on a row, with or without Shift and Ctrl. */
  click(row: Row, event: MouseEvent): void {
    const target = event.target as Element;
    const several = event.shiftKey || event.ctrlKey || event.metaKey;
    if (event.shiftKey) this.#extend(row);
    else if (several) this.selection.toggle(row.position, row.last);
    else this.selection.only(row.position, row.last);
    this.follow.feed({ type: "hold" });
    if (target.closest(".pair") && this.#partner() >= 0) this.goToPartner();
    else if (target.closest(".fold") && row.count > 1) this.showing.toggleFold(row.position);
    else if (!several) this.open();
    this.#selected();
  }

  /** Select what is shown from the anchor to a row. */
  #extend(row: Row): void {
    const { rows } = this.showing;
    const { anchor } = this.selection;
    const here = rows.indexOf(row.position);
    const there = anchor < 0 ? here : rows.indexOf(anchor);
    const ranges = rows.between(Math.min(here, there), Math.max(here, there));
    this.selection.extend(row.position, ranges);
  }

  // ---- selection --------------------------------------------------------------------------------

  clear(): void {
    this.selection.clear();
    this.#selected();
  }

  selectAll(): void {
    const { showing } = this;
    this.selection.ranges = showing.rows.all();
    this.#selected();
    this.display.say(`${plural(showing.rows.hits, "event")} selected`);
  }

  /** JSON lines of the selected events, from the store: rows outside the view included. */
  async copy(): Promise<void> {
    const { showing, session } = this;
    const { rows } = showing;
    const positions = this.selection.ranges.flatMap(([from, to]) => [...rows.positions(from, to)]);
    if (rows.several) positions.sort(session.store.byTime);
    const some = positions.slice(0, COPY_LIMIT);
    const done = await copyText([...jsonl(session.store, some)].join(""), this.display.root);
    const cut =
      some.length < positions.length ? ` of ${count(positions.length)}; export has them all` : "";
    this.display.say(
      done ? `${plural(some.length, "event")} copied${cut}` : "the browser refused to copy",
    );
  }

  // ---- search -----------------------------------------------------------------------------------

  setSearch(options: SearchOptions): void {
    this.search.set(options);
    this.findIndex = -1;
    this.highlight = this.search.active ? highlighter(options) : null;
    this.look.redraw();
  }

  findNext(direction: 1 | -1): void {
    const { search } = this;
    if (!search.active) return;
    this.findIndex = search.step(this.#searchFrom(), direction);
    const position = search.found[this.findIndex];
    if (position !== undefined) this.goTo(position);
    this.display.soon();
  }

  #searchFrom(): number {
    const found = this.search.found[this.findIndex];
    if (found !== undefined) return found;
    if (this.active >= 0) return this.active;
    const { scroll, showing } = this;
    return (showing.rows.row(scroll.window()[0])?.position ?? 0) - 1;
  }

  #headOf(child: Row): Row | null {
    const { rows } = this.showing;
    for (let i = rows.indexOf(child.position); i >= 0; i--) {
      const row = rows.row(i);
      if (row && !row.child) return row;
    }
    return null;
  }

  #activate(index: number, extend: boolean): void {
    const { scroll, showing } = this;
    const row = showing.rows.row(index);
    if (row?.divider !== 0) return;
    if (extend) this.#extend(row);
    else this.selection.only(row.position, row.last);
    scroll.rows = showing.rows.length;
    scroll.reveal(index);
    if (index < showing.rows.length - 1) this.follow.feed({ type: "hold" });
    this.#selected();
  }

  #selected(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#tell(), SELECT_MS);
    this.display.invalidate();
  }

  /** Python's `viewer.selected`. */
  #tell(): void {
    const { store, conn } = this.session;
    const ranges = this.selection.ranges.flatMap(([from, to]): AxonRange[] => {
      const lane = store.laneAt(from);
      const low = lane && Math.max(from, this.session.startOf(lane));
      if (!lane || low === undefined || store.isOld(from) || low > to) return [];
      return [[lane.place, low - lane.start, to - lane.start]];
    });
    conn.channel.send({
      kind: "select",
      page: conn.page,
      epoch: conn.epoch,
      ranges: ranges.slice(0, SELECT_RANGES),
      truncated: ranges.length > SELECT_RANGES,
    });
  }
}

function bounded(index: number, length: number): number {
  return Math.max(0, Math.min(length - 1, index));
}
