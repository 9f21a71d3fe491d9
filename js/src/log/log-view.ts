// One display of a log: what it shows is its own, the output is the session's.
//
// Whatever changes calls `invalidate`; one animation frame then takes in what is new and draws
// what is visible. Nothing is laid out before the element has a size.

import { count, plural } from "../base/format.ts";
import { assign, observe } from "../kernel/traits.ts";
import { copyText, h, on, shadow } from "../ui/dom.ts";
import frame from "../ui/frame.css";
import { HeightHandle, USUAL_HEIGHT } from "../ui/height.ts";
import theme from "../ui/theme.css";
import { applyTheme, watchTheme } from "../ui/theme.ts";
import { toast } from "../ui/toast.ts";
import { Bits } from "./arena.ts";
import { Paints, parseColour } from "./colour.ts";
import { Footer } from "./footer.ts";
import { Frames } from "./frames.ts";
import { type Job, SEARCHING } from "./jobs.ts";
import { LineSheet } from "./line-sheet.ts";
import css from "./log.css";
import { Speech } from "./log-announcer.ts";
import { Header } from "./log-header.ts";
import { listenKeys } from "./log-keys.ts";
import type { RowFilter } from "./log-rows.ts";
import { Search } from "./log-search.ts";
import type { LogSession } from "./log-session.ts";
import { type Status, statusOf } from "./log-status.ts";
import { Toolbar } from "./log-toolbar.ts";
import type { Model, Streams } from "./log-traits.ts";
import { Pane } from "./pane.ts";
import { Query, QueryError, type QueryOptions } from "./query.ts";

const SEARCH_MS = 10;
const SLOW_MS = 200;
const WIDE_PX = 760;
const NARROW_PX = 600;
const COPY_LINES = 200_000;

export class View {
  readonly root: HTMLElement;
  panes: Pane[] = [];
  search: Search | null = null;
  query: Query | null = null;
  queryError = "";
  /** Show only what matches, with this many lines around; null shows everything. */
  around: number | null = null;
  /** Show only this level and worse ones are not: index into LEVELS, 0 for all. */
  level = 0;
  unfolded = new Bits();
  paints = new Paints(false, 0, 0xffffff);
  charWidth = 7.5;
  lineHeight = 16;
  /** Width of the columns left of the text, px. */
  gutter = 0;
  /** Grows when every line has to be drawn again. */
  drawKey = 0;
  status: Status;

  readonly #header: Header;
  readonly #toolbar: Toolbar;
  readonly #footer: Footer;
  readonly #sheet: LineSheet;
  readonly #main = h("div", { class: "main" });
  readonly #ruler = h("span", { class: "ruler", "aria-hidden": "true", text: "0".repeat(100) });
  readonly #speech = new Speech();
  readonly #handle: HeightHandle;
  readonly #frames: Frames;
  readonly #searching: Job = {
    urgency: SEARCHING,
    slice: () => this.signal.aborted || this.#search(),
  };
  #slowAt = 0;
  #resized = true;
  #generation: number;

  constructor(
    readonly session: LogSession,
    readonly model: Model,
    host: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    const { root, remove } = shadow(host, theme + frame + css);
    this.root = root;
    signal.addEventListener("abort", remove, { once: true });
    this.#frames = new Frames(root, () => this.#draw(performance.now()), signal);
    this.status = statusOf(session.facts);
    this.#generation = session.intake.generation;
    this.#header = new Header(this);
    this.#toolbar = new Toolbar(this);
    this.#footer = new Footer(this);
    this.#sheet = new LineSheet(this);
    this.#handle = new HeightHandle(root, (height) => assign(model, "height", height), signal);
    const parts = [this.#header.element, this.#header.line, this.#toolbar.element, this.#main];
    root.append(...parts, this.#footer.element, this.#sheet.element);
    root.append(this.#handle.element, this.#speech.element, this.#ruler);
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `Output of ${this.title}`);
    this.#makePanes();
    this.#listen();
    this.#handle.set(model.get("height") || USUAL_HEIGHT);
    this.invalidate();
  }

  get title(): string {
    return this.model.get("title") || this.model.get("execution_id") || "command";
  }

  get streams(): Streams {
    return this.model.get("streams") ?? "both";
  }

  get wrap(): boolean {
    return this.model.get("wrap") ?? true;
  }

  get times(): boolean {
    return this.model.get("times") ?? false;
  }

  get numbers(): boolean {
    return this.model.get("numbers") ?? true;
  }

  get fold(): boolean {
    return this.model.get("fold") ?? false;
  }

  get following(): boolean {
    return this.panes.every((pane) => pane.following);
  }

  /** The pane that keys and the search mean. */
  get pane(): Pane {
    const root = this.root.getRootNode() as ShadowRoot;
    return this.panes.find((pane) => pane.element === root.activeElement) ?? this.panes[0]!;
  }

  /** What is left out: nothing, or what does not match. */
  get filter(): RowFilter | null {
    const { store, classifier } = this.session;
    const { search, level } = this;
    if (this.around !== null && search) {
      return {
        matches: (row) => search.rows.has(row),
        around: this.around,
        upTo: () => search.upTo,
      };
    }
    if (level === 0) return null;
    const upTo = () => (classifier.complete ? store.rows : classifier.upTo);
    return { matches: (row) => store.level(row) === level, around: this.around ?? 0, upTo };
  }

  invalidate(): void {
    this.#frames.request();
  }

  // ---- drawing ----------------------------------------------------------------------------

  #draw(now: number): void {
    const { session } = this;
    if (this.#resized) this.#measure();
    const worked = session.work();
    if (this.#generation !== session.intake.generation) this.#replace();
    if (this.search && !this.search.complete) session.jobs.start(this.#searching);
    // Every pane draws, also when one of them has more to take in.
    const drawn = this.panes.map((pane) => pane.draw());
    if (now - this.#slowAt >= SLOW_MS) this.#drawSlow(now);
    if (!worked || drawn.includes(false)) this.invalidate();
  }

  #drawSlow(now: number): void {
    this.#slowAt = now;
    this.session.classifier.again();
    if (this.search?.again() && this.around !== null) this.#rebuild();
    this.status = statusOf(this.session.facts);
    this.#header.draw();
    this.#toolbar.draw();
    this.#footer.draw();
    this.#measureGutter();
    const shown = this.session.store.rows === 0 ? this.status.empty : this.#nothingShown();
    for (const pane of this.panes) pane.drawSlow(shown);
    this.#speech.update(this.status, this.session.store.rows, this.following, now);
  }

  #nothingShown(): string {
    if (this.filter) return `None of ${plural(this.session.store.rows, "line")} matches.`;
    return this.streams === "both" ? "" : `Nothing on ${this.streams}.`;
  }

  #search(): boolean {
    const { search } = this;
    if (!search) return true;
    const before = search.rows.size;
    const complete = search.step(SEARCH_MS);
    // The first finds are shown at once, the others now and then, and when all are there.
    if (complete || (before === 0 && search.rows.size > 0)) this.#soon();
    else if (this.around !== null) this.invalidate();
    return complete;
  }

  /** A word for the eye and for the ear: "3 lines copied". */
  say(text: string): void {
    this.#speech.say(text);
    toast(this.root, text);
  }

  // ---- what the user does -----------------------------------------------------------------

  setSearch(text: string, options: QueryOptions): void {
    this.queryError = "";
    try {
      this.query = text === "" ? null : new Query(text, options);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      this.query = null;
      this.queryError = error.message;
    }
    this.search = this.query && new Search(this.session.store, this.query);
    for (const pane of this.panes) pane.find = -1;
    if (this.around === null) this.#redraw();
    else this.#rebuild();
  }

  setAround(around: number | null): void {
    this.around = around;
    this.#rebuild();
  }

  setLevel(level: number): void {
    this.level = this.level === level ? 0 : level;
    this.#rebuild();
  }

  findNext(direction: 1 | -1): void {
    const { search, pane } = this;
    if (!search) {
      this.#toolbar.focusSearch();
      return;
    }
    const ours = (row: number) =>
      pane.streams === "both" || this.session.store.streamOf(row) === pane.streams;
    const row = search.next(pane.here, direction, ours);
    if (row >= 0) pane.goTo(row);
    this.#soon();
  }

  /** Which find of how many the pane stands at: [0, n] before the first step. */
  get findPlace(): [number, number] {
    const { search, pane } = this;
    if (!search) return [0, 0];
    const { stdout, stderr } = search.counts;
    const all = pane.streams === "both" ? stdout + stderr : search.counts[pane.streams];
    return [pane.find < 0 ? 0 : search.rank(pane.find, pane.streams), all];
  }

  focusSearch(): void {
    this.#toolbar.focusSearch();
  }

  focusPane(): void {
    this.pane.element.focus({ preventScroll: true });
  }

  toggle(name: "wrap" | "times" | "numbers" | "fold"): void {
    assign(this.model, name, !this[name]);
  }

  setStreams(streams: Streams): void {
    assign(this.model, "streams", streams);
  }

  toggleFollow(): void {
    const type = this.following ? "hold" : "end";
    for (const pane of this.panes) pane.feedFollow({ type });
    this.invalidate();
  }

  followChanged(): void {
    assign(this.model, "follow", this.following);
    this.#soon();
  }

  toggleEntry(row: number): void {
    if (this.unfolded.has(row)) this.unfolded.delete(row);
    else this.unfolded.add(row);
    this.#rebuild();
  }

  showLine(row: number): void {
    this.#sheet.open(row);
  }

  copySelection(): void {
    const { text, lines, cut } = this.pane.pointer.selectedText(COPY_LINES);
    if (text === "") return;
    copyText(text, this.root).then((copied) => this.#saidCopied(copied, lines, cut));
  }

  /** The browser asks for what was copied: works in every host, without permission. */
  fillClipboard(event: ClipboardEvent): void {
    const { text, lines, cut } = this.pane.pointer.selectedText(COPY_LINES);
    if (text === "" || !event.clipboardData) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
    this.#saidCopied(true, lines, cut);
  }

  #saidCopied(copied: boolean, lines: number, cut: boolean): void {
    const rest = cut ? "; save the log to have all of it" : "";
    this.say(copied ? `${plural(lines, "line")} copied${rest}` : "the browser refused to copy");
  }

  // ---- inside -----------------------------------------------------------------------------

  #makePanes(): void {
    const { streams } = this;
    const wasFollowing =
      this.panes.length > 0 ? this.following : (this.model.get("follow") ?? true);
    const names = streams === "apart" ? (["stdout", "stderr"] as const) : ([streams] as const);
    this.panes = names.map((name) => new Pane(this, name));
    for (const pane of this.panes) pane.state = wasFollowing ? "following" : "released";
    this.#main.replaceChildren(...this.panes.map((pane) => pane.box));
    this.#main.dataset.apart = String(streams === "apart");
    for (const pane of this.panes) this.#sizes.observe(pane.element);
    this.#soon();
  }

  /** The store is another one: nothing that pointed into the old one holds. */
  #replace(): void {
    this.#generation = this.session.intake.generation;
    this.unfolded = new Bits();
    if (this.query) this.search = new Search(this.session.store, this.query);
    for (const pane of this.panes) pane.replace();
  }

  #rebuild(): void {
    for (const pane of this.panes) pane.rebuild();
    this.#soon();
  }

  #redraw(): void {
    this.drawKey++;
    for (const pane of this.panes) pane.redraw();
    this.#soon();
  }

  /** Draw everything with the next frame, the slow parts included. */
  #soon(): void {
    this.#slowAt = 0;
    this.invalidate();
  }

  /** Measuring lays out, so it waits until the view is seen. */
  readonly #sizes = new ResizeObserver(() => this.#remeasure());

  #remeasure(): void {
    this.#resized = true;
    this.invalidate();
  }

  #listen(): void {
    const { model, session, signal } = this;
    session.watch(() => this.invalidate(), signal);
    listenKeys(this);
    on(this.root, "copy" as never, (event) => this.#copied(event as ClipboardEvent), signal);
    for (const name of ["wrap", "fold"] as const)
      observe(model, name, () => this.#rebuild(), signal);
    for (const name of ["times", "numbers"] as const)
      observe(model, name, () => this.#remeasure(), signal);
    observe(model, "streams", () => this.#makePanes(), signal);
    observe(model, "follow", () => this.#takeFollow(), signal);
    observe(model, "title", () => this.#soon(), signal);
    observe(model, "stdin", () => this.#soon(), signal);
    observe(model, "height", () => this.#handle.set(model.get("height") || USUAL_HEIGHT), signal);
    observe(model, "theme", () => this.#dress(), signal);
    watchTheme(() => this.#dress(), signal);
    this.#sizes.observe(this.root);
    const timer = setInterval(() => this.invalidate(), SLOW_MS);
    const end = () => {
      this.#sizes.disconnect();
      clearInterval(timer);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  #copied(event: ClipboardEvent): void {
    const root = this.root.getRootNode() as ShadowRoot;
    if (this.panes.some((pane) => pane.element === root.activeElement)) this.fillClipboard(event);
  }

  #takeFollow(): void {
    const wanted = this.model.get("follow") ?? true;
    if (wanted !== this.following) this.toggleFollow();
  }

  #measure(): void {
    const { width } = this.root.getBoundingClientRect();
    if (width === 0) return;
    this.#resized = false;
    this.root.dataset.size = width < NARROW_PX ? "narrow" : width < WIDE_PX ? "medium" : "wide";
    this.charWidth = this.#ruler.getBoundingClientRect().width / 100 || this.charWidth;
    this.#dress();
    this.#measureGutter();
    for (const pane of this.panes) pane.resize();
  }

  /** The gutter is as wide as the largest number; it only grows by whole digits. */
  #measureGutter(): void {
    const digits = this.numbers ? Math.max(3, count(this.session.store.rows).length) : 0;
    const narrow = this.root.dataset.size === "narrow";
    const times = this.times && !narrow ? 13 : 0;
    const tag = this.streams === "both" && this.#hasErrors ? 3.5 : 0;
    const fold = this.fold ? 1.5 : 0;
    const columns = (digits > 0 ? digits + 1 : 0) + times + tag + fold + 1;
    const gutter = Math.round(columns * this.charWidth * 0.92) + 6;
    if (gutter === this.gutter) return;
    this.gutter = gutter;
    this.root.style.setProperty("--gutter", `${gutter}px`);
    this.root.style.setProperty("--number", `${digits}ch`);
    this.root.dataset.times = String(times > 0);
    this.root.dataset.fold = String(fold > 0);
    this.root.dataset.tag = String(tag > 0);
    for (const pane of this.panes) pane.resize();
    this.#redraw();
  }

  get #hasErrors(): boolean {
    return this.session.intake.started("stderr");
  }

  #dress(): void {
    applyTheme(this.root, this.model.get("theme") ?? "auto");
    const style = getComputedStyle(this.root);
    const dark = style.colorScheme === "dark";
    const text = parseColour(style.color, dark ? 0xe4e6ea : 0x1d2129);
    const back = parseColour(style.backgroundColor, dark ? 0x17191d : 0xffffff);
    this.paints = new Paints(dark, text, back);
    this.#redraw();
  }
}
