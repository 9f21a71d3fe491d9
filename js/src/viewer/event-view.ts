// One display of the events: what it shows is its own, the events are the session's.
//
// Here the parts are put together, and what is new is taken in: the frame decides when to draw, the
// parts draw. While rows come or a filter is searched for, what is at the top, or the end, stays.

import { count, plural } from "../base/format.ts";
import { Slices } from "../base/slices.ts";
import { statusOf } from "../events/event-status.ts";
import type { Lane } from "../events/lane.ts";
import { observe } from "../kernel/traits.ts";
import timelineCss from "../trace/timeline.css";
import type { TimelineSession } from "../trace/timeline-session.ts";
import annotationCss from "../ui/annotation.css";
import { h, on, setText } from "../ui/dom.ts";
import { Follow } from "../ui/follow.ts";
import frameCss from "../ui/frame.css";
import hues from "../ui/hues.css";
import { icon } from "../ui/icons.ts";
import { ScrollMap } from "../ui/scroll-map.ts";
import theme from "../ui/theme.css";
import tree from "../ui/tree.css";
import { WidgetFrame } from "../ui/widget-frame.ts";
import { AxonStrip } from "./axon-strip.ts";
import axonsCss from "./axons.css";
import { Chart } from "./chart.ts";
import { Details } from "./details.ts";
import { saveEvents } from "./export.ts";
import { Facets } from "./facets.ts";
import inspectorCss from "./inspector.css";
import { List } from "./list.ts";
import { Look } from "./look.ts";
import { Moment } from "./moment.ts";
import { Pointing } from "./pointing.ts";
import rowsCss from "./rows.css";
import { Showing } from "./showing.ts";
import { Ticks } from "./ticks.ts";
import timeBarCss from "./time-bar.css";
import { TimeBar } from "./time-bar.ts";
import { TimelinePanel } from "./timeline-panel.ts";
import css from "./viewer.css";
import { Announcer } from "./viewer-announcer.ts";
import { Header } from "./viewer-header.ts";
import { listenKeys } from "./viewer-keys.ts";
import { Toolbar } from "./viewer-toolbar.ts";
import type { Model, Traits } from "./viewer-traits.ts";

const SLICE_MS = 10;
/** The first slice of a new filter: most have then seen everything, for one long frame. */
const FIRST_MS = 60;
/** Its next ones: what is on the screen keeps still meanwhile. */
const HELD_MS = 25;
const SEARCH_MS = 4;
/** Rows of a new filter are drawn when it has seen everything, or each time after this long. */
const HOLD_MS = 85;

export class EventView {
  readonly #frame: WidgetFrame<Traits>;
  readonly #showing: Showing;
  readonly #look: Look;
  readonly #follow: Follow;
  readonly #pointing: Pointing;
  readonly #list: List;
  readonly #header: Header;
  readonly #toolbar: Toolbar;
  readonly #axons: AxonStrip;
  readonly #facets: Facets;
  readonly #chart: Chart;
  readonly #timeline: TimelinePanel;
  readonly #moment: Moment;
  readonly #timeBar: TimeBar;
  readonly #ticks: Ticks;
  readonly #details: Details;
  readonly #announcer = new Announcer();
  readonly #slices: Slices;
  readonly #pillText = h("span");
  readonly #pill = h("button", { class: "pill" }, icon("newest"), this.#pillText);
  readonly #empty = h("div", { class: "empty" });
  /** Newest position of each lane that was on the screen since following ended. */
  #seen = new Map<Lane, number>();
  #heldUntil = 0;
  #burst = 0;

  constructor(
    private readonly session: TimelineSession,
    private readonly model: Model,
    host: HTMLElement,
    signal: AbortSignal,
  ) {
    const frame = new WidgetFrame(model, host, signal, {
      css: [
        theme,
        hues,
        frameCss,
        tree,
        annotationCss,
        timelineCss,
        css,
        rowsCss,
        axonsCss,
        inspectorCss,
        timeBarCss,
      ].join(""),
      label: `Event viewer ${this.#title}`,
      medium: 720,
      narrow: 480,
      draw: (now) => this.#draw(now),
      drawSlow: (now) => this.#drawSlow(now),
      measure: (width) => this.#measure(width),
      themed: () => look.themed(),
    });
    const scroll = new ScrollMap();
    const look = new Look(model, frame);
    const follow = new Follow(model.get("follow") ?? true, () => this.#followChanged());
    const showing = new Showing(session, model, () => this.#changed(), signal);
    const moment = new Moment(session, showing, model, () => this.#moved(), signal);
    this.#moment = moment;
    this.#timeBar = new TimeBar(session, moment, look, frame);
    const open = () => this.#open();
    const pointing = new Pointing(session, showing, scroll, follow, look, frame, open);
    this.#frame = frame;
    this.#look = look;
    this.#follow = follow;
    this.#showing = showing;
    this.#pointing = pointing;
    this.#slices = new Slices(() => this.#takeMore(), signal);
    this.#list = new List(session, showing, pointing, look, frame, follow, scroll);
    this.#details = new Details(session, showing, pointing, frame, () => this.#closed());
    this.#toolbar = new Toolbar(showing, pointing, () => this.#focusList(), signal);
    this.#axons = new AxonStrip(session, showing, signal);
    this.#facets = new Facets(session.store, () => moment.totals, showing, signal);
    this.#chart = new Chart(session, moment, showing, look, frame);
    this.#timeline = new TimelinePanel(session, moment, look, pointing, showing, frame);
    this.#ticks = new Ticks(showing, pointing, scroll, look);
    const save = (what: "shown" | "all", format: "jsonl" | "csv") => this.#save(what, format);
    this.#header = new Header(session, moment, showing, look, follow, save, signal);
    this.#listen(signal);
    this.#assemble();
  }

  get #title(): string {
    const { model, session } = this;
    return model.get("title") || model.get("axon_id") || session.title;
  }

  // ---- what the user does -------------------------------------------------------------------------

  #followChanged(): void {
    if (!this.#follow.on) {
      this.#seen = this.#showing.rows.newest();
      this.#heldUntil = 0;
    }
    this.#frame.soon();
  }

  /** Another moment is shown: its end is what one wants to see. */
  #moved(): void {
    this.#follow.feed({ type: "end" });
    this.#look.redraw();
  }

  #open(): void {
    this.#details.openIt();
    this.#frame.measure();
  }

  #closed(): void {
    this.#focusList();
    this.#frame.measure();
  }

  #focusList(): void {
    this.#list.element.focus({ preventScroll: true });
  }

  #save(what: "shown" | "all", format: "jsonl" | "csv"): void {
    const rows = what === "all" ? this.#showing.allRows() : this.#showing.rows;
    saveEvents(this.session.store, rows.inOrder(), format, this.#title, this.#frame.root);
  }

  // ---- drawing ----------------------------------------------------------------------------------

  /** Other rows are to be shown: until they are known, what is on the screen stays there. */
  #changed(): void {
    this.#look.redraw();
    if (this.#showing.rows.complete) return;
    this.#burst = FIRST_MS;
    this.#hold();
    this.#slices.start();
  }

  #hold(): void {
    this.#heldUntil = performance.now() + HOLD_MS;
  }

  get #isHeld(): boolean {
    return !this.#showing.rows.complete && performance.now() < this.#heldUntil;
  }

  /** Between two frames. Later, only the end keeps still while the user scrolls. */
  #takeMore(): boolean {
    if (!this.#frame.root.isConnected || !(this.#follow.on || this.#isHeld)) return true;
    this.#take(this.#isHeld ? this.#burst : SLICE_MS);
    this.#burst = HELD_MS;
    return this.#showing.rows.complete;
  }

  /** Take in what is new, and stay at what is at the top, or at the end. */
  #take(budget: number): void {
    const list = this.#list;
    const { rows } = this.#showing;
    const anchor = this.#follow.on ? null : list.anchor();
    const wasComplete = rows.complete;
    const changed = rows.update(budget);
    // The count of a filter that has just seen everything is worth an early word.
    if (rows.complete && !wasComplete) this.#frame.soon();
    list.scroll.rows = rows.length;
    if (this.#follow.on) list.toEnd();
    else if (changed && anchor) list.restore(anchor);
  }

  #draw(now: number): boolean {
    const { session } = this;
    const list = this.#list;
    const { rows, revision } = this.#showing;
    if (this.#isHeld) {
      this.#frame.invalidate();
      return false;
    }
    const isPlaying = this.#moment.frame(now);
    rows.setFrame((lane) => session.startOf(lane), session.marks);
    list.setRowHeight(this.#look.rowHeight);
    this.#take(SLICE_MS);
    const { search } = this.#pointing;
    if (search.active) search.update(rows, session.reordered + revision, SEARCH_MS);
    list.scroll.moveTo(list.scroll.top);
    list.draw();
    this.#drawPill();
    this.#ticks.draw();
    this.#timeline.draw();
    this.#details.draw();
    this.#timeBar.draw();
    list.syncScrollBar();
    if (isPlaying) this.#frame.invalidate();
    if (this.#slices.running && this.#follow.on) this.#hold();
    if (!rows.complete || (search.active && !search.complete)) this.#frame.invalidate();
    return true;
  }

  #drawSlow(now: number): void {
    const { store } = this.session;
    const status = statusOf(this.session.facts);
    this.#frame.root.dataset.paused = String(this.#showing.paused);
    this.#header.draw(this.#title, status);
    this.#toolbar.draw(this.#moment.totals.size);
    this.#drawAxons();
    this.#facets.draw();
    this.#chart.draw();
    this.#timeBar.drawSlow();
    this.#drawEmpty(status.empty);
    this.#frame.announce(this.#announcer.news(status, store, this.#follow.on, now));
  }

  #drawAxons(): void {
    const several = String(this.session.several);
    this.#axons.draw();
    if (this.#frame.root.dataset.several === several) return;
    this.#frame.root.dataset.several = several;
    this.#look.redraw();
  }

  #drawEmpty(nothing: string): void {
    const { rows, cleared, everything } = this.#showing;
    const { size } = this.session.store;
    const before = this.#moment.totals.size === 0 && size > 0;
    const filtered = before
      ? "No event yet at this moment."
      : cleared && everything
        ? "Cleared. New events appear here."
        : `None of ${plural(size, "event")} passes the filter.`;
    setText(this.#empty, size > 0 ? filtered : nothing);
    this.#empty.hidden = rows.length > 0 || !rows.complete;
  }

  #drawPill(): void {
    const text = this.#news();
    setText(this.#pillText, text);
    this.#pill.hidden = text === "";
  }

  #news(): string {
    const { rows, paused } = this.#showing;
    if (paused) {
      const arrived = rows.beyondLimit;
      return arrived > 0 ? `${count(arrived)} arrived while paused · resume` : "";
    }
    if (this.#follow.on || !this.#moment.isLive) return "";
    const fresh = rows.unseen(this.#seen, this.#list.scroll.window()[1] - 1);
    return fresh > 0 ? `${count(fresh)} new · End to follow` : "";
  }

  // ---- once -------------------------------------------------------------------------------------

  #assemble(): void {
    const list = this.#list.element;
    const box = h("div", { class: "list-box" }, list, this.#empty, this.#ticks.element, this.#pill);
    this.#frame.watchSize(list);
    this.#frame.assemble(
      this.#header.element,
      this.#header.line.element,
      this.#chart.element,
      this.#timeline.element,
      this.#toolbar.element,
      this.#axons.element,
      this.#facets.element,
      h("div", { class: "main" }, box, this.#details.element),
      this.#timeBar.element,
    );
    this.#showing.takeFilter();
    this.#moment.takeFirst();
  }

  #listen(signal: AbortSignal): void {
    const { model, session } = this;
    session.watch(() => this.#frame.invalidate(), signal);
    const resume = () =>
      this.#showing.paused ? this.#showing.togglePause() : this.#pointing.toEnd();
    on(this.#pill, "click", resume, signal);
    listenKeys({
      root: this.#frame.root,
      list: this.#list.element,
      look: this.#look,
      pointing: this.#pointing,
      showing: this.#showing,
      toolbar: this.#toolbar,
      timeBar: this.#timeBar,
      details: this.#details,
      signal,
    });
    const follow = () => this.#follow.feed({ type: model.get("follow") ? "end" : "hold" });
    observe(model, "follow", follow, signal);
  }

  /** The element has a size, or another one: lay out for it. */
  #measure(width: number): void {
    this.#chart.resize(width - 20);
    this.#timeline.resize(width - 22);
    const shown = this.#pointing.isShown;
    this.#list.resize(this.#list.element.clientHeight);
    if (shown && !this.#follow.on) this.#pointing.reveal();
  }
}
