// One display of the events: what it shows is its own, the events are the session's.
//
// Whatever changes calls `invalidate`; one animation frame then takes in the new events, keeps
// the scroll position, and draws what is visible. Nothing is laid out before the element has a
// size: hosts render into detached elements.

import { copyText, download, h, on, setText, shadow } from "../dom.ts";
import frame from "../frame.css";
import theme from "../theme.css";
import { applyTheme, watchTheme } from "../theme.ts";
import { Chart } from "./chart.ts";
import { Details } from "./details.ts";
import * as exporting from "./export.ts";
import { Facets } from "./facets.ts";
import { compileFilter, type Filter, FilterError } from "./filter.ts";
import { type FollowInput, type FollowState, follow } from "./follow.ts";
import { Header } from "./header.ts";
import { listenKeys } from "./keys.ts";
import { joinRun, List } from "./list.ts";
import { LiveRegion } from "./live.ts";
import { type Row, RowIndex } from "./rows.ts";
import { highlighter, Search, type SearchOptions } from "./search.ts";
import { Selection } from "./selection.ts";
import type { Session } from "./session.ts";
import { assign, type Model, observe, type Times } from "./settings.ts";
import { clock, count, plural, statusOf } from "./status.ts";
import { withTerm } from "./terms.ts";
import { Toolbar } from "./toolbar.ts";
import css from "./viewer.css";

const SLICE_MS = 8;
const SEARCH_MS = 4;
const SLOW_MS = 250;
const CHART_MS = 100;
const WIDE_PX = 720;
const NARROW_PX = 480;
const LEAST_HEIGHT = 160;
const ROW_PX = { dense: 24, roomy: 30 } as const;
const COPY_LIMIT = 100_000;
const SELECT_RANGES = 1000;

let views = 0;

export type Column = "seq" | "time" | "type" | "pair";

export class View {
  readonly id = `axon-${++views}`;
  readonly root: HTMLElement;
  readonly rows: RowIndex;
  readonly search: Search;
  readonly selection = new Selection();
  readonly unfolded = new Set<number>();
  readonly hidden = new Set<Column>();
  readonly list: List;
  readonly toolbar: Toolbar;
  readonly details: Details;
  filterText = "";
  filterEmpty = true;
  filterError = "";
  brush: [number, number] | null = null;
  findIndex = -1;
  highlight: RegExp | null = null;
  times: Times;
  fold: boolean;
  roomy = false;
  chartShown = true;
  cleared = false;
  /** Grows when every row has to be drawn again. */
  drawKey = 0;

  readonly #header: Header;
  readonly #facets: Facets;
  readonly #chart: Chart;
  readonly #live = new LiveRegion();
  readonly #pill = h("button", { type: "button", class: "pill" });
  readonly #empty = h("div", { class: "empty" });
  readonly #ticks = h("canvas", { class: "ticks", "aria-hidden": "true" });
  readonly #main: HTMLElement;
  readonly #timesListeners: ((text: string) => void)[] = [];
  #follow: FollowState;
  #limit = Number.POSITIVE_INFINITY;
  #seen = -1;
  #frame = 0;
  #slowAt = 0;
  #chartAt = 0;
  #searchRevision = 0;
  #ticksKey = "";
  #selectTimer = 0;

  constructor(
    readonly session: Session,
    private readonly model: Model,
    host: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    const { root, remove } = shadow(host, theme + frame + css);
    this.root = root;
    signal.addEventListener("abort", remove, { once: true });
    this.times = model.get("times") ?? "absolute";
    this.fold = model.get("fold") ?? true;
    this.#follow = (model.get("follow") ?? true) ? "following" : "released";
    this.rows = new RowIndex(session.store, this.#options());
    this.search = new Search(session.store);
    this.toolbar = new Toolbar(this);
    this.#header = new Header(this);
    this.#facets = new Facets(this);
    this.#chart = new Chart(this);
    this.details = new Details(this);
    this.list = new List(this);
    this.#main = h("div", { class: "main" }, this.#listBox(), this.details.element);
    root.append(
      this.#header.element,
      this.#header.line,
      this.#chart.element,
      this.toolbar.element,
      this.#facets.element,
      this.#main,
      this.#handle(),
      this.#live.element,
    );
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `Event viewer ${this.title}`);
    this.#listen();
    this.#takeFilter();
    this.#takeHeight();
    this.#sayTimes();
    this.invalidate();
  }

  get title(): string {
    return (
      this.model.get("title") || this.model.get("axon_id") || this.session.store.axonId || "events"
    );
  }

  get paused(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY;
  }

  get following(): boolean {
    return this.#follow === "following";
  }

  get brushText(): string {
    return this.brush
      ? `${clock(this.brush[0]).slice(0, 10)} – ${clock(this.brush[1]).slice(0, 10)} ✕`
      : "";
  }

  isActive(row: Row): boolean {
    const { active } = this.selection;
    return (
      active >= row.position &&
      active <= row.last &&
      (row.child || row.count === 1 || !this.unfolded.has(row.position))
    );
  }

  invalidate(): void {
    if (this.#frame !== 0 || this.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.signal.aborted) this.#draw(performance.now());
    });
  }

  // ---- drawing ----------------------------------------------------------------------------------

  #draw(now: number): void {
    const { list, rows, search, session } = this;
    rows.setFrame(session.start, session.marks);
    const anchor = this.following ? null : list.anchor();
    const changed = rows.update(SLICE_MS);
    if (search.active) search.update(rows, session.reordered + this.#searchRevision, SEARCH_MS);
    list.scroll.rows = rows.length;
    if (this.following) list.toEnd();
    else if (changed && anchor) list.restore(anchor);
    list.scroll.moveTo(list.scroll.top);
    list.draw();
    this.#drawPill();
    if (this.details.open) this.#drawDetails();
    this.#drawTicks();
    if (now - this.#chartAt >= CHART_MS) {
      this.#chartAt = now;
      this.#chart.draw();
    }
    if (now - this.#slowAt >= SLOW_MS) this.#drawSlow(now);
    if (!rows.complete || (search.active && !search.complete)) this.invalidate();
  }

  /** What nobody reads twenty times a second. */
  #drawSlow(now: number): void {
    const { rows, session } = this;
    this.#slowAt = now;
    const status = statusOf(session.facts);
    this.#header.draw(status);
    this.toolbar.draw();
    this.#facets.draw();
    const filtered = session.store.size > 0 && rows.complete;
    setText(this.#empty, rows.length > 0 ? "" : filtered ? this.#nothingShown() : status.empty);
    this.#empty.hidden = rows.length > 0 || (!filtered && session.store.size > 0);
    this.#live.update(status, session.store.size, this.#errors(), this.following, now);
  }

  #nothingShown(): string {
    if (this.cleared && this.filterEmpty) return "Cleared. New events appear here.";
    return `None of ${plural(this.session.store.size, "event")} passes the filter.`;
  }

  #errors(): number {
    const { kinds, types } = this.session.store;
    return kinds.reduce(
      (sum, kind, code) => sum + (kind.shape === "error" ? (types.counts[code] ?? 0) : 0),
      0,
    );
  }

  #drawPill(): void {
    const text = this.#pillText();
    setText(this.#pill, text);
    this.#pill.hidden = text === "";
  }

  #pillText(): string {
    const { rows, session, list } = this;
    if (this.paused) {
      const arrived = Math.max(0, session.store.newest - this.#limit);
      return arrived > 0 ? `${count(arrived)} arrived while paused · resume` : "";
    }
    if (this.following) return "";
    const [, last] = list.scroll.window();
    const row = rows.row(last - 1);
    if (row) this.#seen = Math.max(this.#seen, row.last);
    const fresh = rows.countHits(this.#seen + 1, Number.POSITIVE_INFINITY);
    return fresh > 0 ? `▼ ${count(fresh)} new · End to follow` : "";
  }

  #drawDetails(): void {
    const { active } = this.selection;
    const row = active < 0 ? null : this.rows.row(this.rows.indexOf(active));
    if (row && row.divider === 0 && active >= row.position && active <= row.last)
      this.details.show(row.position, row.last);
    else if (active >= 0) this.details.show(active, active);
  }

  /** Where finds and errors are, beside the scroll bar. */
  #drawTicks(): void {
    const { found } = this.search;
    const height = this.list.scroll.view;
    const key = `${found.length} ${this.rows.length} ${height} ${this.findIndex}`;
    if (key === this.#ticksKey) return;
    this.#ticksKey = key;
    const canvas = this.#ticks;
    canvas.width = 6;
    canvas.height = Math.max(1, Math.floor(height));
    const context = canvas.getContext("2d");
    if (!context || found.length === 0 || this.rows.length === 0) return;
    const style = getComputedStyle(this.#ticks);
    context.fillStyle = style.color;
    const step = Math.max(1, Math.ceil(found.length / 2000));
    for (let i = 0; i < found.length; i += step)
      context.fillRect(0, this.#tickY(found[i]!, height), 6, 2);
    context.fillStyle = style.outlineColor;
    const now = found[this.findIndex];
    if (now !== undefined) context.fillRect(0, this.#tickY(now, height) - 1, 6, 4);
  }

  #tickY(position: number, height: number): number {
    return Math.floor((this.rows.indexOf(position) / this.rows.length) * (height - 2));
  }

  // ---- what the user does -----------------------------------------------------------------------

  setFilter(text: string): void {
    assign(this.model, "filter", text.trim());
    this.#takeFilter();
  }

  addTerm(term: string): void {
    this.setFilter(withTerm(this.filterText, term));
  }

  setBrush(range: [number, number] | null): void {
    assign(this.model, "time_range", range);
    this.brush = range;
    this.#rebuild();
  }

  setSearch(options: SearchOptions): void {
    this.search.set(options);
    this.findIndex = -1;
    this.highlight = this.search.active ? highlighter(options) : null;
    this.#redraw();
  }

  findNext(direction: 1 | -1): void {
    const { search, selection, list } = this;
    if (!search.active) {
      this.toolbar.focusSearch();
      return;
    }
    const top = this.rows.row(list.scroll.window()[0])?.position ?? 0;
    const from =
      this.findIndex >= 0
        ? (search.found[this.findIndex] ?? top)
        : selection.active >= 0
          ? selection.active
          : top - 1;
    this.findIndex = search.step(from, direction);
    const position = search.found[this.findIndex];
    if (position !== undefined) this.goTo(position);
    this.#slowAt = 0;
  }

  /** Show an event in the middle of the list and make it the active one. */
  goTo(position: number): void {
    this.feedFollow({ type: "hold" });
    this.selection.only(position, position);
    this.list.scroll.rows = this.rows.length;
    this.list.scroll.center(this.rows.indexOf(position));
    this.#selected();
  }

  goToPartner(): void {
    const pair = this.session.store.pairAt(this.selection.active);
    if (!pair || pair.open < 0 || pair.close < 0) return;
    this.goTo(pair.open === this.selection.active ? pair.close : pair.open);
  }

  togglePause(): void {
    this.#limit = this.paused ? Number.POSITIVE_INFINITY : this.session.store.newest;
    this.rows.setLimit(this.#limit);
    this.root.dataset.paused = String(this.paused);
    this.#soon();
  }

  toggleFollow(): void {
    this.feedFollow({ type: this.following ? "hold" : "end" });
    this.invalidate();
  }

  feedFollow(input: FollowInput): void {
    const next = follow(this.#follow, input);
    if (next === this.#follow) return;
    this.#follow = next;
    if (next === "released") this.#seen = this.session.store.newest;
    this.#soon();
  }

  cycleTimes(): void {
    const order: Times[] = ["absolute", "delta", "start"];
    this.times = order[(order.indexOf(this.times) + 1) % order.length]!;
    assign(this.model, "times", this.times);
    this.#sayTimes();
    this.#redraw();
  }

  /** The head of the time column shows which time it is. */
  onTimes(listener: (text: string) => void): void {
    this.#timesListeners.push(listener);
  }

  setFold(fold: boolean): void {
    this.fold = fold;
    assign(this.model, "fold", fold);
    this.#rebuild();
  }

  setRoomy(roomy: boolean): void {
    this.roomy = roomy;
    this.root.dataset.roomy = String(roomy);
    const anchor = this.list.anchor();
    this.list.scroll.rowHeight = roomy ? ROW_PX.roomy : ROW_PX.dense;
    if (anchor) this.list.restore(anchor);
    this.#redraw();
  }

  toggleColumn(column: Column): void {
    if (!this.hidden.delete(column)) this.hidden.add(column);
    this.root.dataset.hidden = [...this.hidden].join(" ");
    this.invalidate();
  }

  toggleChart(): void {
    this.chartShown = !this.chartShown;
    this.#chart.element.hidden = !this.chartShown;
    this.invalidate();
  }

  clear(clear: boolean): void {
    this.cleared = clear;
    this.closeDetails();
    this.#rebuild();
  }

  toggleFold(position: number): void {
    if (!this.unfolded.delete(position)) this.unfolded.add(position);
    this.rows.touch(position);
    this.details.clear();
    this.#redraw();
  }

  foldActive(fold: boolean): void {
    const row = this.rows.row(this.rows.indexOf(this.selection.active));
    if (!row || this.selection.active < 0) return;
    const head = row.child ? this.#headOf(row) : row;
    if (!head || head.count < 2 || this.unfolded.has(head.position) !== fold) return;
    this.selection.only(head.position, head.position);
    this.toggleFold(head.position);
  }

  moveActive(by: number, extend: boolean): void {
    const { rows, selection, list } = this;
    const [first] = list.scroll.window();
    let index = selection.active < 0 ? first + (by > 0 ? -1 : 1) : rows.indexOf(selection.active);
    if (by < 0) this.feedFollow({ type: "up" });
    for (let i = 0; i < 4; i++) {
      index = Math.min(rows.length - 1, Math.max(0, index + by));
      if (rows.row(index)?.divider === 0) break;
      if (Math.abs(by) > 1) by = Math.sign(by);
    }
    this.#activate(index, extend);
  }

  movePage(direction: 1 | -1, extend: boolean): void {
    const page = Math.max(1, Math.floor(this.list.scroll.view / this.list.scroll.rowHeight) - 1);
    this.moveActive(direction * page, extend);
  }

  toStart(): void {
    this.feedFollow({ type: "up" });
    this.#activate(0, false);
    this.list.scroll.moveTo(0);
  }

  toEnd(): void {
    this.feedFollow({ type: "end" });
    this.#activate(this.rows.length - 1, false);
    this.feedFollow({ type: "end" });
  }

  openDetails(): void {
    if (this.selection.active < 0) return;
    this.details.element.hidden = false;
    this.root.dataset.details = "open";
    this.details.clear();
    this.#measure();
  }

  closeDetails(): void {
    this.details.element.hidden = true;
    delete this.root.dataset.details;
    this.focusList();
    this.#measure();
  }

  escape(): void {
    if (this.details.open) this.closeDetails();
    else {
      this.selection.clear();
      this.#selected();
    }
  }

  selectAll(): void {
    this.selection.ranges = [[0, Math.min(this.#limit, this.session.store.newest)]];
    this.#selected();
    this.say(`${plural(this.rows.hits, "event")} selected`);
  }

  /** JSON lines of the selected events, from the store: rows outside the view included. */
  copySelection(): void {
    const positions = this.selection.ranges.flatMap(([from, to]) => [
      ...this.rows.positions(from, to),
    ]);
    const some = positions.slice(0, COPY_LIMIT);
    const text = [...exporting.jsonl(this.session.store, some)].join("");
    copyText(text, this.root).then((ok) => {
      const cut =
        some.length < positions.length ? ` of ${count(positions.length)}; export has them all` : "";
      this.say(ok ? `${plural(some.length, "event")} copied${cut}` : "the browser refused to copy");
    });
  }

  export(what: "shown" | "all", format: "jsonl" | "csv"): void {
    const { store } = this.session;
    const every = new RowIndex(store, {
      ...this.#options(),
      filter: compileFilter("", store),
      fold: false,
      time: null,
      limit: Number.POSITIVE_INFINITY,
      since: 0,
    });
    if (what === "all") every.update(Number.POSITIVE_INFINITY);
    const positions = (what === "all" ? every : this.rows).positions();
    const parts = [...exporting[format](store, positions)];
    const name = this.title.replace(/[^\w.-]+/g, "_").slice(0, 60);
    download(
      `${name}.${format}`,
      format === "csv" ? "text/csv" : "application/x-ndjson",
      parts,
      this.root,
    );
  }

  /** A word for the eye and for the ear: "3 events copied". */
  say(text: string): void {
    this.#live.say(text);
    this.root.dataset.said = text;
    setTimeout(() => {
      if (this.root.dataset.said === text) delete this.root.dataset.said;
    }, 2000);
  }

  focusList(): void {
    this.list.element.focus({ preventScroll: true });
  }

  /** Joined text of a folded run; of one that still grows, the newest end. */
  runText({ position, last }: Pick<Row, "position" | "last">, room: number): string {
    const { store } = this.session;
    const payloads = function* (positions: Iterable<number>) {
      for (const at of positions) yield store.get(at)?.payload ?? "";
    };
    const grows = last === store.newest && last - position > 40 && room < 1000;
    if (!grows) return joinRun(payloads(this.rows.positions(position, last)), room);
    return `… ${joinRun(payloads(this.rows.positions(last - 40, last)), 10_000).slice(-140)}`;
  }

  // ---- inside -----------------------------------------------------------------------------------

  #options() {
    return {
      filter: this.#filter(),
      fold: this.fold,
      limit: this.#limit,
      since: this.cleared ? this.session.store.newest + 1 : 0,
      time: this.brush,
      unfolded: this.unfolded,
      marks: new Map<number, string>(),
      start: this.session.start,
    };
  }

  #compiled: Filter | null = null;

  #filter(): Filter {
    this.#compiled ??= compileFilter("", this.session.store);
    return this.#compiled;
  }

  /** Take the trait's filter; one that cannot be read leaves the last good one in force. */
  #takeFilter(): void {
    const text = this.model.get("filter") ?? "";
    this.filterText = text;
    this.toolbar.write(text);
    this.filterError = "";
    try {
      this.#compiled = compileFilter(text, this.session.store);
      this.filterEmpty = this.#compiled.empty;
      this.#rebuild();
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.filterError = error.message;
      this.#soon();
    }
  }

  #rebuild(): void {
    const { marks: _marks, start: _start, ...options } = this.#options();
    const { active } = this.selection;
    this.rows.reset(options);
    if (this.search.active) this.#searchRevision++;
    this.rows.update(SLICE_MS);
    if (!this.following && active >= 0) {
      this.list.scroll.rows = this.rows.length;
      this.list.scroll.center(this.rows.indexOf(active));
    }
    this.#redraw();
  }

  #redraw(): void {
    this.drawKey++;
    this.#ticksKey = "";
    this.#soon();
  }

  /** Draw everything with the next frame, the slow parts included. */
  #soon(): void {
    this.#slowAt = 0;
    this.#chartAt = 0;
    this.invalidate();
  }

  #headOf(child: Row): Row | null {
    for (let i = this.rows.indexOf(child.position); i >= 0; i--) {
      const row = this.rows.row(i);
      if (row && !row.child) return row;
    }
    return null;
  }

  #activate(index: number, extend: boolean): void {
    const row = this.rows.row(index);
    if (row?.divider !== 0) return;
    if (extend) this.selection.extend(row.position, row.last);
    else this.selection.only(row.position, row.last);
    this.list.scroll.rows = this.rows.length;
    this.list.scroll.reveal(index);
    if (index < this.rows.length - 1) this.feedFollow({ type: "hold" });
    this.#selected();
  }

  #selected(): void {
    clearTimeout(this.#selectTimer);
    this.#selectTimer = window.setTimeout(() => this.#tellSelection(), 150);
    this.invalidate();
  }

  #tellSelection(): void {
    const { store, conn } = this.session;
    const low = store.epochStart;
    const ranges = this.selection.ranges
      .filter(([, to]) => to >= low)
      .map(([from, to]): [number, number] => [
        store.sequence(Math.max(from, low)),
        store.sequence(to),
      ]);
    conn.select(ranges.slice(0, SELECT_RANGES), ranges.length > SELECT_RANGES);
  }

  #clicked(event: MouseEvent): void {
    const index = this.list.indexAt(event.clientY);
    const row = index < 0 ? null : this.rows.row(index);
    if (row?.divider !== 0) return;
    const target = event.target as Element;
    if (target.closest(".fold") && row.count > 1) {
      this.toggleFold(row.position);
      return;
    }
    if (event.shiftKey) this.selection.extend(row.position, row.last);
    else if (event.ctrlKey || event.metaKey) this.selection.toggle(row.position, row.last);
    else this.selection.only(row.position, row.last);
    this.feedFollow({ type: "hold" });
    if (target.closest(".pair")) this.goToPartner();
    else if (!event.shiftKey && !event.ctrlKey && !event.metaKey) this.openDetails();
    this.#selected();
  }

  #listen(): void {
    const { model, session, signal } = this;
    session.watch(() => this.invalidate(), signal);
    on(this.list.element, "click", (event) => this.#clicked(event), signal);
    on(this.#pill, "click", () => (this.paused ? this.togglePause() : this.toEnd()), signal);
    listenKeys(this);
    observe(model, "filter", () => this.#takeFilter(), signal);
    observe(
      model,
      "time_range",
      () => {
        this.brush = model.get("time_range");
        this.#rebuild();
      },
      signal,
    );
    observe(model, "height", () => this.#takeHeight(), signal);
    observe(model, "title", () => this.#soon(), signal);
    const dress = () => {
      applyTheme(this.root, model.get("theme") ?? "auto");
      this.#redraw();
    };
    observe(model, "theme", dress, signal);
    watchTheme(dress, signal);
    const sizes = new ResizeObserver(() => {
      applyTheme(this.root, model.get("theme") ?? "auto");
      this.#measure();
    });
    sizes.observe(this.root);
    sizes.observe(this.list.element);
    const timer = setInterval(() => this.invalidate(), SLOW_MS);
    signal.addEventListener(
      "abort",
      () => {
        sizes.disconnect();
        clearInterval(timer);
        clearTimeout(this.#selectTimer);
        cancelAnimationFrame(this.#frame);
      },
      { once: true },
    );
  }

  #measure(): void {
    const { width } = this.root.getBoundingClientRect();
    if (width === 0) return;
    this.root.dataset.size = width < NARROW_PX ? "narrow" : width < WIDE_PX ? "medium" : "wide";
    this.#chart.resize(width - 20);
    this.list.resize(this.list.element.clientHeight);
    this.#chartAt = 0;
  }

  #takeHeight(): void {
    const height = Math.max(LEAST_HEIGHT, this.model.get("height") || 480);
    this.root.style.height = `${height}px`;
  }

  #sayTimes(): void {
    const names = { absolute: "time", delta: "Δ before", start: "since start" } as const;
    for (const listener of this.#timesListeners) listener(names[this.times]);
  }

  #listBox(): HTMLElement {
    return h("div", { class: "list-box" }, this.list.element, this.#empty, this.#ticks, this.#pill);
  }

  /** The lower edge: dragged with the pointer, moved with the arrow keys. */
  #handle(): HTMLElement {
    const handle = h("div", {
      class: "handle",
      role: "separator",
      tabindex: 0,
      "aria-orientation": "horizontal",
      "aria-label": "Height of the viewer",
      "aria-valuenow": 480,
      "aria-valuemin": LEAST_HEIGHT,
      "aria-valuemax": 2000,
    });
    const set = (height: number) => {
      const bounded = Math.round(Math.min(2000, Math.max(LEAST_HEIGHT, height)));
      this.root.style.height = `${bounded}px`;
      handle.setAttribute("aria-valuenow", String(bounded));
      return bounded;
    };
    let from: [number, number] | null = null;
    on(
      handle,
      "pointerdown",
      (event) => {
        handle.setPointerCapture(event.pointerId);
        from = [event.clientY, this.root.getBoundingClientRect().height];
      },
      this.signal,
    );
    on(
      handle,
      "pointermove",
      (event) => from && set(from[1] + event.clientY - from[0]),
      this.signal,
    );
    on(
      handle,
      "pointerup",
      () => {
        if (from) assign(this.model, "height", set(this.root.getBoundingClientRect().height));
        from = null;
      },
      this.signal,
    );
    on(
      handle,
      "keydown",
      (event) => {
        const step = event.key === "ArrowDown" ? 24 : event.key === "ArrowUp" ? -24 : 0;
        if (step === 0) return;
        event.preventDefault();
        assign(this.model, "height", set(this.root.getBoundingClientRect().height + step));
      },
      this.signal,
    );
    return handle;
  }
}
