// One display of a log: what it shows is its own, the output is the session's.
//
// Here the parts are put together: the frame decides when to draw, panes and bars draw.

import { plural } from "../base/format.ts";
import { assign, observe } from "../kernel/traits.ts";
import { copyText, h, on } from "../ui/dom.ts";
import frameCss from "../ui/frame.css";
import theme from "../ui/theme.css";
import { WidgetFrame } from "../ui/widget-frame.ts";
import { Finding } from "./finding.ts";
import { Footer } from "./footer.ts";
import { type Job, SEARCHING } from "./jobs.ts";
import { LineSheet } from "./line-sheet.ts";
import css from "./log.css";
import { LogAnnouncer } from "./log-announcer.ts";
import { Header } from "./log-header.ts";
import { listenKeys } from "./log-keys.ts";
import { LogLook } from "./log-look.ts";
import type { LogSession } from "./log-session.ts";
import { statusOf } from "./log-status.ts";
import { Toolbar } from "./log-toolbar.ts";
import type { Model, Traits } from "./log-traits.ts";
import type { StreamName } from "./output-store.ts";
import { Pane } from "./pane.ts";
import { save } from "./save.ts";

const SEARCH_MS = 10;
const COPY_LINES = 200_000;
const RULER = 100;

export class LogView {
  readonly #frame: WidgetFrame<Traits>;
  readonly #look: LogLook;
  readonly #finding: Finding;
  readonly #header: Header;
  readonly #toolbar: Toolbar;
  readonly #footer: Footer;
  readonly #sheet: LineSheet;
  readonly #announcer = new LogAnnouncer();
  readonly #main = h("div", { class: "main" });
  readonly #ruler = h("span", { class: "ruler", "aria-hidden": "true", text: "0".repeat(RULER) });
  readonly #searching: Job = { urgency: SEARCHING, slice: () => this.#search() };
  #panes: Pane[] = [];
  #generation: number;
  #settled = false;

  constructor(
    private readonly session: LogSession,
    private readonly model: Model,
    host: HTMLElement,
    signal: AbortSignal,
  ) {
    const frame = new WidgetFrame(model, host, signal, {
      css: theme + frameCss + css,
      label: `Output of ${this.#title}`,
      medium: 760,
      narrow: 600,
      draw: () => this.#draw(),
      drawSlow: (now) => this.#drawSlow(now),
      measure: () => this.#measure(),
      themed: () => this.#themed(),
    });
    this.#frame = frame;
    this.#generation = session.intake.generation;
    this.#look = new LogLook(model, frame.root);
    this.#finding = new Finding(session, (what) => this.#changed(what));
    this.#header = new Header(session, this.#look, this.#headerActions(), signal);
    this.#toolbar = new Toolbar(session, this.#finding, this.#finds(), signal);
    this.#footer = new Footer(session, this.#footerActions(), signal);
    this.#sheet = new LineSheet(session, frame, () => this.#focusPane());
    this.#makePanes();
    this.#listen(signal);
    frame.root.append(this.#ruler);
    frame.assemble(
      this.#header.element,
      this.#header.line.element,
      this.#toolbar.element,
      this.#main,
      this.#footer.element,
      this.#sheet.element,
    );
  }

  get #title(): string {
    return this.model.get("title") || this.model.get("execution_id") || "command";
  }

  get #following(): boolean {
    return this.#panes.every((pane) => pane.following);
  }

  /** The pane that keys and the search mean. */
  get #pane(): Pane {
    const root = this.#frame.root.getRootNode() as ShadowRoot;
    return this.#panes.find((pane) => pane.element === root.activeElement) ?? this.#panes[0]!;
  }

  // ---- drawing ----------------------------------------------------------------------------

  #draw(): boolean {
    const { session } = this;
    const worked = session.work();
    if (this.#generation !== session.intake.generation) this.#replace();
    const { search } = this.#finding;
    if (search && !search.complete) session.jobs.start(this.#searching);
    // Every pane draws, also when one of them has more to take in.
    const drawn = this.#panes.map((pane) => pane.draw());
    if (!worked || drawn.includes(false)) this.#frame.invalidate();
    // Counts and state are drawn now and then, but their last values at once.
    const settled = session.settled;
    if (settled && !this.#settled) this.#frame.soon();
    this.#settled = settled;
    return true;
  }

  #drawSlow(now: number): void {
    const { session } = this;
    session.classifier.again();
    const { search, around } = this.#finding;
    if (search?.again() && around !== null) this.#rebuild();
    const status = statusOf(session.facts);
    this.#header.draw(this.#title, status, this.#following);
    this.#toolbar.draw();
    this.#footer.draw(status, this.#following, this.model.get("stdin") ?? false);
    this.#fitGutter();
    const empty = session.store.rows === 0 ? status.empty : this.#nothingShown();
    for (const pane of this.#panes) pane.drawSlow(empty);
    const { rows } = session.store;
    this.#frame.announce(this.#announcer.news(status, rows, this.#following, now));
  }

  #nothingShown(): string {
    if (this.#finding.filter) return `None of ${plural(this.session.store.rows, "line")} matches.`;
    const { streams } = this.#look;
    return streams === "both" ? "" : `Nothing on ${streams}.`;
  }

  #search(): boolean {
    const { search, around } = this.#finding;
    if (!search || this.#frame.signal.aborted) return true;
    const before = search.rows.size;
    const complete = search.step(SEARCH_MS);
    // The first finds are shown at once, the others now and then, and when all are there.
    if (complete || (before === 0 && search.rows.size > 0)) this.#frame.soon();
    else if (around !== null) this.#frame.invalidate();
    return complete;
  }

  // ---- what the parts ask for -------------------------------------------------------------

  #headerActions() {
    return {
      toggleFollow: () => this.#toggleFollow(),
      copySelection: () => this.#copySelection(),
      selectAll: () => this.#pane.pointer.selectAll(),
      save: (what: "shown" | StreamName) =>
        save(this.session, this.#pane.rows, what, this.#title, this.#frame),
    };
  }

  #footerActions() {
    return {
      toEnd: () => this.#pane.toEnd(),
      leave: () => this.#focusPane(),
      say: (text: string) => this.#frame.say(text),
    };
  }

  #finds() {
    const place = () => this.#findPlace();
    return {
      next: (direction: 1 | -1) => this.#findNext(direction),
      get place() {
        return place();
      },
      leave: () => this.#focusPane(),
    };
  }

  #findNext(direction: 1 | -1): void {
    const { search } = this.#finding;
    const pane = this.#pane;
    if (!search) return;
    const ours = (row: number) =>
      pane.streams === "both" || this.session.store.streamOf(row) === pane.streams;
    const row = search.next(pane.here, direction, ours);
    if (row >= 0) pane.goTo(row);
    this.#frame.soon();
  }

  #findPlace(): [number, number] {
    const { search } = this.#finding;
    const pane = this.#pane;
    if (!search) return [0, 0];
    const { stdout, stderr } = search.counts;
    const all = pane.streams === "both" ? stdout + stderr : search.counts[pane.streams];
    return [pane.find < 0 ? 0 : search.rank(pane.find, pane.streams), all];
  }

  #focusPane(): void {
    this.#pane.element.focus({ preventScroll: true });
  }

  #toggleFollow(): void {
    const type = this.#following ? "hold" : "end";
    for (const pane of this.#panes) pane.follow.feed({ type });
    this.#frame.invalidate();
  }

  #copySelection(): void {
    const { text, lines, cut } = this.#pane.pointer.selectedText(COPY_LINES);
    if (text === "") return;
    copyText(text, this.#frame.root).then((copied) => this.#saidCopied(copied, lines, cut));
  }

  /** The browser asks for what was copied: works in every host, without permission. */
  #fillClipboard(event: ClipboardEvent): void {
    const root = this.#frame.root.getRootNode() as ShadowRoot;
    if (!this.#panes.some((pane) => pane.element === root.activeElement)) return;
    const { text, lines, cut } = this.#pane.pointer.selectedText(COPY_LINES);
    if (text === "" || !event.clipboardData) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
    this.#saidCopied(true, lines, cut);
  }

  #saidCopied(copied: boolean, lines: number, cut: boolean): void {
    const rest = cut ? "; save the log to have all of it" : "";
    const text = copied ? `${plural(lines, "line")} copied${rest}` : "the browser refused to copy";
    this.#frame.say(text);
  }

  // ---- inside -----------------------------------------------------------------------------

  #makePanes(): void {
    const { streams } = this.#look;
    const following = this.#panes.length > 0 ? this.#following : (this.model.get("follow") ?? true);
    const names = streams === "apart" ? (["stdout", "stderr"] as const) : ([streams] as const);
    const actions = {
      followChanged: () => this.#followChanged(),
      showLine: (row: number) => this.#sheet.open(row),
    };
    const { session } = this;
    this.#panes = names.map(
      (name) => new Pane(session, this.#look, this.#finding, this.#frame, actions, name, following),
    );
    this.#main.replaceChildren(...this.#panes.map((pane) => pane.box));
    this.#main.dataset.apart = String(streams === "apart");
    for (const pane of this.#panes) this.#frame.watchSize(pane.element);
    this.#frame.soon();
  }

  #followChanged(): void {
    assign(this.model, "follow", this.#following);
    this.#frame.soon();
  }

  /** The store is another one: nothing that pointed into the old one holds. */
  #replace(): void {
    this.#generation = this.session.intake.generation;
    this.#finding.replace();
    for (const pane of this.#panes) pane.replace();
  }

  #rebuild(): void {
    for (const pane of this.#panes) pane.rebuild();
    this.#frame.soon();
  }

  #changed(what: "search" | "rows"): void {
    if (what === "search") for (const pane of this.#panes) pane.find = -1;
    if (what === "rows" || this.#finding.around !== null) this.#rebuild();
    else this.#redraw();
  }

  #redraw(): void {
    this.#look.drawKey++;
    for (const pane of this.#panes) pane.redraw();
    this.#frame.soon();
  }

  #listen(signal: AbortSignal): void {
    const { model, session } = this;
    session.watch(() => this.#frame.invalidate(), signal);
    const pane = () => this.#pane;
    listenKeys({
      root: this.#frame.root,
      get pane() {
        return pane();
      },
      look: this.#look,
      toolbar: this.#toolbar,
      toggleFollow: () => this.#toggleFollow(),
      signal,
    });
    on(this.#frame.root, "copy", (event) => this.#fillClipboard(event), signal);
    for (const name of ["wrap", "fold"] as const)
      observe(model, name, () => this.#rebuild(), signal);
    for (const name of ["times", "numbers"] as const)
      observe(model, name, () => this.#frame.soon(), signal);
    observe(model, "streams", () => this.#makePanes(), signal);
    observe(model, "follow", () => this.#takeFollow(), signal);
    observe(model, "stdin", () => this.#frame.soon(), signal);
  }

  #takeFollow(): void {
    const wanted = this.model.get("follow") ?? true;
    if (wanted !== this.#following) this.#toggleFollow();
  }

  #measure(): void {
    const { charWidth } = this.#look;
    this.#look.charWidth = this.#ruler.getBoundingClientRect().width / RULER || charWidth;
    this.#themed();
    this.#fitGutter();
    for (const pane of this.#panes) pane.resize();
  }

  #fitGutter(): void {
    const { store, intake } = this.session;
    if (!this.#look.fitGutter(store.rows, intake.started("stderr"))) return;
    for (const pane of this.#panes) pane.resize();
    this.#redraw();
  }

  #themed(): void {
    this.#look.themed();
    this.#redraw();
  }
}
