// One display of the events: what it shows is its own, the events are the session's.
//
// Whatever changes calls `invalidate`; one animation frame then takes in the new events, keeps
// the scroll position, and draws what is visible. Nothing is laid out before the element has a
// size: hosts render into detached elements.

import { count, plural } from "../base/format.ts";
import { Slices } from "../base/slices.ts";
import type { Session } from "../events/event-session.ts";
import { statusOf } from "../events/event-status.ts";
import { deltaText } from "../events/summary.ts";
import { assign, observe } from "../kernel/traits.ts";
import { h, on, setText, shadow } from "../ui/dom.ts";
import { type FollowInput, type FollowState, follow } from "../ui/follow.ts";
import frame from "../ui/frame.css";
import { HeightHandle, USUAL_HEIGHT } from "../ui/height.ts";
import theme from "../ui/theme.css";
import { applyTheme, watchTheme } from "../ui/theme.ts";
import { toast } from "../ui/toast.ts";
import tree from "../ui/tree.css";
import { Chart } from "./chart.ts";
import { Details } from "./details.ts";
import { Facets } from "./facets.ts";
import inspectorCss from "./inspector.css";
import { List } from "./list.ts";
import { Pointing } from "./pointing.ts";
import type { Row } from "./row-index.ts";
import rowsCss from "./rows.css";
import { Showing } from "./showing.ts";
import { Ticks } from "./ticks.ts";
import css from "./viewer.css";
import { LiveRegion } from "./viewer-announcer.ts";
import { Header } from "./viewer-header.ts";
import { listenKeys } from "./viewer-keys.ts";
import { Toolbar } from "./viewer-toolbar.ts";
import { type Model, TIMES, type Times } from "./viewer-traits.ts";

const SLICE_MS = 10;
/** The first slice of a new filter: most have then seen everything, for one long frame. */
const FIRST_MS = 60;
/** Its next ones: what is on the screen keeps still meanwhile. */
const HELD_MS = 25;
const SEARCH_MS = 4;
/** Rows of a new filter are drawn when it has seen everything, or each time after this long. */
const HOLD_MS = 85;
const SLOW_MS = 250;
const CHART_MS = 200;
const WIDE_PX = 720;
const NARROW_PX = 480;
const ROW_PX = { dense: 24, roomy: 30 } as const;
/** A run longer than this that still grows is shown by its newest end. */
const GROWING = 40;

let views = 0;

export type Column = "seq" | "time" | "type" | "pair";

export class View {
  /** Prefix of the ids in this view's shadow root. */
  readonly id = `axon-${++views}`;
  readonly root: HTMLElement;
  readonly showing: Showing;
  readonly pointing: Pointing;
  readonly list: List;
  readonly toolbar: Toolbar;
  readonly details: Details;
  readonly hidden = new Set<Column>();
  times: Times;
  roomy = false;
  chartShown = true;
  /** Grows when every row has to be drawn again. */
  drawKey = 0;
  /** Grows when colours are others. */
  themeKey = 0;

  readonly #header: Header;
  readonly #facets: Facets;
  readonly #chart: Chart;
  readonly #ticks: Ticks;
  readonly #handle: HeightHandle;
  readonly #live = new LiveRegion();
  readonly #slices: Slices;
  readonly #pill = h("button", { class: "pill" });
  readonly #empty = h("div", { class: "empty" });
  #follow: FollowState;
  /** Newest position that was on the screen since following ended. */
  #seen = -1;
  #frame = 0;
  #heldUntil = 0;
  #burst = 0;
  #slowAt = 0;
  #chartAt = 0;

  constructor(
    readonly session: Session,
    private readonly model: Model,
    host: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    const { root, remove } = shadow(
      host,
      [theme, frame, tree, css, rowsCss, inspectorCss].join(""),
    );
    this.root = root;
    signal.addEventListener("abort", remove, { once: true });
    this.times = model.get("times") ?? "absolute";
    this.#follow = (model.get("follow") ?? true) ? "following" : "released";
    this.#slices = new Slices(() => this.#takeMore(), signal);
    this.showing = new Showing(session, model, () => this.#changed(), signal);
    this.pointing = new Pointing(this);
    this.toolbar = new Toolbar(this);
    this.#header = new Header(this);
    this.#facets = new Facets(this);
    this.#chart = new Chart(this);
    this.#ticks = new Ticks(this);
    this.details = new Details(this);
    this.list = new List(this);
    this.#handle = new HeightHandle(root, (height) => assign(model, "height", height), signal);
    this.#assemble();
    this.#listen();
    this.showing.takeFilter();
    this.#handle.set(model.get("height") || USUAL_HEIGHT);
  }

  get title(): string {
    const { model } = this;
    return model.get("title") || model.get("axon_id") || this.session.store.axonId || "events";
  }

  get following(): boolean {
    return this.#follow === "following";
  }

  /**
   * Draw with the next frame. A view outside of the document does nothing until it is put there,
   * which changes its size: JupyterLab forgets the view of an output that it renders anew.
   */
  invalidate(): void {
    if (this.#frame !== 0 || this.signal.aborted || !this.root.isConnected) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.signal.aborted) this.#draw(performance.now());
    });
  }

  /** Draw everything with the next frame, the slow parts included. */
  soon(): void {
    this.#slowAt = 0;
    this.#chartAt = 0;
    this.invalidate();
  }

  /** The same, and every row anew. */
  redraw(): void {
    this.drawKey++;
    this.soon();
  }

  feedFollow(input: FollowInput): void {
    const next = follow(this.#follow, input);
    if (next === this.#follow) return;
    this.#follow = next;
    if (next === "released") {
      this.#seen = this.session.store.newest;
      this.#heldUntil = 0;
    }
    this.soon();
  }

  toggleFollow(): void {
    this.feedFollow({ type: this.following ? "hold" : "end" });
  }

  cycleTimes(): void {
    this.times = TIMES[(TIMES.indexOf(this.times) + 1) % TIMES.length]!;
    assign(this.model, "times", this.times);
    this.redraw();
  }

  setRoomy(roomy: boolean): void {
    const anchor = this.list.anchor();
    this.roomy = roomy;
    this.root.dataset.roomy = String(roomy);
    this.list.scroll.rowHeight = roomy ? ROW_PX.roomy : ROW_PX.dense;
    if (anchor) this.list.restore(anchor);
    this.redraw();
  }

  toggleColumn(column: Column): void {
    if (!this.hidden.delete(column)) this.hidden.add(column);
    this.root.dataset.hidden = [...this.hidden].join(" ");
    this.invalidate();
  }

  toggleChart(): void {
    this.chartShown = !this.chartShown;
    this.soon();
  }

  openDetails(): void {
    if (this.pointing.active < 0) return;
    this.details.element.hidden = false;
    this.details.forget();
    this.#measure();
    this.pointing.reveal();
  }

  closeDetails(): void {
    this.details.element.hidden = true;
    this.focusList();
    this.#measure();
  }

  escape(): void {
    if (this.details.open) this.closeDetails();
    else this.pointing.clear();
  }

  focusList(): void {
    this.list.element.focus({ preventScroll: true });
  }

  /** A word for the eye and for the ear: "3 events copied". */
  say(text: string): void {
    this.#live.say(text);
    toast(this.root, text);
  }

  /** Joined text of a folded run, as much as `room` holds; of one that still grows, its end. */
  runText({ position, last }: Pick<Row, "position" | "last">, room: number): string {
    const { store } = this.session;
    const grows = last === store.newest && last - position > GROWING && room < 1000;
    let text = "";
    for (const at of this.showing.rows.positions(grows ? last - GROWING : position, last)) {
      text += deltaText(store.get(at)?.payload ?? "");
      if (text.length > room && !grows) break;
    }
    return grows ? `… ${text.slice(-room / 2)}` : text;
  }

  // ---- drawing ----------------------------------------------------------------------------------

  /** Other rows are to be shown: until they are known, what is on the screen stays there. */
  #changed(): void {
    this.redraw();
    if (this.showing.rows.complete) return;
    this.#burst = FIRST_MS;
    this.#hold();
    this.#slices.start();
  }

  #hold(): void {
    this.#heldUntil = performance.now() + HOLD_MS;
  }

  get #isHeld(): boolean {
    return !this.showing.rows.complete && performance.now() < this.#heldUntil;
  }

  /** Between two frames. Later, only the end keeps still under a hand that scrolls meanwhile. */
  #takeMore(): boolean {
    if (!this.root.isConnected || !(this.following || this.#isHeld)) return true;
    this.#take(this.#isHeld ? this.#burst : SLICE_MS);
    this.#burst = HELD_MS;
    return this.showing.rows.complete;
  }

  /** Take in what is new, and stay at what is at the top, or at the end. */
  #take(budget: number): void {
    const { list } = this;
    const { rows } = this.showing;
    const anchor = this.following ? null : list.anchor();
    const wasComplete = rows.complete;
    const changed = rows.update(budget);
    // The count of a filter that has just seen everything is worth an early word.
    if (rows.complete && !wasComplete) this.#slowAt = 0;
    list.scroll.rows = rows.length;
    if (this.following) list.toEnd();
    else if (changed && anchor) list.restore(anchor);
  }

  #draw(now: number): void {
    const { list, session, pointing } = this;
    const { rows, revision } = this.showing;
    if (this.#isHeld) {
      this.invalidate();
      return;
    }
    rows.setFrame(session.start, session.marks);
    this.#take(SLICE_MS);
    const { search } = pointing;
    if (search.active) search.update(rows, session.reordered + revision, SEARCH_MS);
    list.scroll.moveTo(list.scroll.top);
    list.draw();
    this.#drawPill();
    this.#ticks.draw();
    if (this.details.open) this.#drawDetails();
    if (now - this.#chartAt >= CHART_MS) {
      this.#chartAt = now;
      this.#chart.draw();
    }
    if (now - this.#slowAt >= SLOW_MS) this.#drawSlow(now);
    list.syncScrollBar();
    if (this.#slices.running && this.following) this.#hold();
    if (!rows.complete || (search.active && !search.complete)) this.invalidate();
  }

  /** What nobody reads twenty times a second. */
  #drawSlow(now: number): void {
    const { session } = this;
    this.#slowAt = now;
    const status = statusOf(session.facts);
    this.#header.draw(status);
    this.toolbar.draw();
    this.#facets.draw();
    this.#drawEmpty(status.empty);
    this.#live.update(status, session.store, this.following, now);
  }

  #drawEmpty(nothing: string): void {
    const { rows, cleared, everything } = this.showing;
    const { size } = this.session.store;
    const filtered =
      cleared && everything
        ? "Cleared. New events appear here."
        : `None of ${plural(size, "event")} passes the filter.`;
    setText(this.#empty, size > 0 ? filtered : nothing);
    this.#empty.hidden = rows.length > 0 || !rows.complete;
  }

  #drawPill(): void {
    const text = this.#pillText();
    setText(this.#pill, text);
    this.#pill.hidden = text === "";
  }

  #pillText(): string {
    const { session, list } = this;
    const { rows, paused, limit } = this.showing;
    if (paused) {
      const arrived = Math.max(0, session.store.newest - limit);
      return arrived > 0 ? `${count(arrived)} arrived while paused · resume` : "";
    }
    if (this.following) return "";
    const lowest = rows.row(list.scroll.window()[1] - 1);
    if (lowest) this.#seen = Math.max(this.#seen, lowest.last);
    const fresh = rows.countHits(this.#seen + 1, Number.POSITIVE_INFINITY);
    return fresh > 0 ? `▼ ${count(fresh)} new · End to follow` : "";
  }

  #drawDetails(): void {
    const { active } = this.pointing;
    const row = this.pointing.activeRow();
    this.details.show(row?.position ?? active, row?.last ?? active);
  }

  // ---- once -------------------------------------------------------------------------------------

  #assemble(): void {
    const { root } = this;
    const box = h(
      "div",
      { class: "list-box" },
      this.list.element,
      this.#empty,
      this.#ticks.element,
      this.#pill,
    );
    root.append(
      this.#header.element,
      this.#header.line,
      this.#chart.element,
      this.toolbar.element,
      this.#facets.element,
      h("div", { class: "main" }, box, this.details.element),
      this.#handle.element,
      this.#live.element,
    );
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `Event viewer ${this.title}`);
  }

  #listen(): void {
    const { model, session, signal } = this;
    session.watch(() => this.invalidate(), signal);
    on(
      this.list.element,
      "click",
      (event) => {
        const row = this.showing.rows.row(this.list.indexAt(event.clientY));
        if (row?.divider === 0) this.pointing.click(row, event);
      },
      signal,
    );
    on(
      this.#pill,
      "click",
      () => (this.showing.paused ? this.showing.togglePause() : this.pointing.toEnd()),
      signal,
    );
    listenKeys(this);
    const dress = () => {
      applyTheme(this.root, model.get("theme") ?? "auto");
      this.themeKey++;
      this.redraw();
    };
    observe(model, "theme", dress, signal);
    watchTheme(dress, signal);
    observe(model, "height", () => this.#handle.set(model.get("height") || USUAL_HEIGHT), signal);
    observe(model, "title", () => this.soon(), signal);
    observe(
      model,
      "follow",
      () => this.feedFollow({ type: model.get("follow") ? "end" : "hold" }),
      signal,
    );
    const sizes = new ResizeObserver(() => this.#measure());
    sizes.observe(this.root);
    sizes.observe(this.list.element);
    const timer = setInterval(() => this.invalidate(), SLOW_MS);
    signal.addEventListener(
      "abort",
      () => {
        sizes.disconnect();
        clearInterval(timer);
        cancelAnimationFrame(this.#frame);
      },
      { once: true },
    );
  }

  /** The element has a size, or another one: lay out for it. */
  #measure(): void {
    const { width } = this.root.getBoundingClientRect();
    if (width === 0) return;
    const { theme: before } = this.root.dataset;
    applyTheme(this.root, this.model.get("theme") ?? "auto");
    if (this.root.dataset.theme !== before) {
      this.drawKey++;
      this.themeKey++;
    }
    this.root.dataset.size = width < NARROW_PX ? "narrow" : width < WIDE_PX ? "medium" : "wide";
    this.#chart.resize(width - 20);
    const shown = this.pointing.isShown;
    this.list.resize(this.list.element.clientHeight);
    if (shown && !this.following) this.pointing.reveal();
    this.soon();
  }
}
