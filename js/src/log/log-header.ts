// The first line: which command, how it stands, how much it printed, the main switches.

import { plural, size } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { StateLine, StateSign, Switch } from "../ui/header-parts.ts";
import { entry, heading, type Menu, menu } from "../ui/menu.ts";
import type { LogLook, SwitchName } from "./log-look.ts";
import type { LogSession } from "./log-session.ts";
import type { Status } from "./log-status.ts";
import type { Streams } from "./log-traits.ts";
import type { StreamName } from "./output-store.ts";

const STREAMS: readonly [Streams, string][] = [
  ["both", "both"],
  ["stdout", "stdout"],
  ["stderr", "stderr"],
  ["apart", "side by side"],
];

/** What the header asks of the log. */
export interface HeaderActions {
  toggleFollow(): void;
  copySelection(): void;
  selectAll(): void;
  save(what: "shown" | StreamName): void;
}

export class Header {
  readonly element: HTMLElement;
  readonly line: StateLine;
  readonly #title = h("span", { class: "axon-name command" });
  readonly #state = new StateSign();
  readonly #counts = h("span", { class: "counts" });
  readonly #out = h("span");
  readonly #err = h("span");
  readonly #lines = h("b");
  readonly #lost = h("span", { class: "lost" });
  readonly #streams = h("select", { title: "which streams to show", "aria-label": "Streams" });
  readonly #follow = new Switch("follow", "Follow", "stay with the newest line (End, f)");
  readonly #wrap = new Switch("wrap", "Wrap", "wrap long lines (w)");
  readonly #times = new Switch("clock", "Time", "when each line arrived at the kernel (t)");
  readonly #kill = h("button", { class: "kill", text: "Stop" });
  readonly #sure: HTMLElement;
  readonly #load = h("button", { class: "load", text: "load" });
  readonly #menu: Menu;
  #asking = false;

  constructor(
    private readonly session: LogSession,
    private readonly look: LogLook,
    private readonly log: HeaderActions,
    signal: AbortSignal,
  ) {
    const more = "more: save, copy, view";
    this.#menu = menu({ icon: "more" }, more, signal, () => this.#fillMenu());
    for (const [value, text] of STREAMS) this.#streams.append(h("option", { value, text }));
    this.#sure = this.#question(signal);
    this.#counts.append(this.#lines, this.#lost, this.#out, this.#err);
    const switches = [this.#follow, this.#wrap, this.#times].map(({ element }) => element);
    const buttons = h("span", { class: "buttons" }, this.#sure, this.#kill, this.#streams);
    buttons.append(...switches, this.#menu.element);
    const state = this.#state.element;
    this.element = h("div", { class: "header" }, this.#title, state, this.#counts, buttons);
    this.line = new StateLine(() => session.retry(), this.#load);
    on(this.#streams, "change", () => look.setStreams(this.#streams.value as Streams), signal);
    on(this.#follow.element, "click", () => log.toggleFollow(), signal);
    on(this.#wrap.element, "click", () => look.toggle("wrap"), signal);
    on(this.#times.element, "click", () => look.toggle("times"), signal);
    on(this.#load, "click", () => session.loadEarlier(), signal);
    on(this.#kill, "click", () => this.#ask(true), signal);
  }

  draw(title: string, status: Status, following: boolean): void {
    const { session, look } = this;
    setText(this.#title, visibleLine(title));
    setAttribute(this.#title, "title", visibleLine(title));
    this.element.dataset.sign = status.sign;
    this.#state.draw(status);
    this.#drawCounts();
    this.#follow.draw(following);
    this.#wrap.draw(look.wrap);
    this.#times.draw(look.times);
    if (this.#streams.value !== look.streams) this.#streams.value = look.streams;
    if (!session.running) this.#asking = false;
    this.#drawStop();
    setText(this.#kill, session.killing ? "Stopping …" : "Stop");
    this.#drawLine(status);
  }

  #drawStop(): void {
    const { session } = this;
    this.#kill.hidden = !session.running || this.#asking;
    this.#sure.hidden = !this.#asking;
    this.element.dataset.asking = String(this.#asking);
    this.#kill.disabled = session.killing;
  }

  #drawCounts(): void {
    const { intake, stat, store } = this.session;
    const bytes = (name: StreamName) =>
      Math.max(
        intake.next(name),
        (name === "stdout" ? stat?.stdout_bytes : stat?.stderr_bytes) ?? 0,
      );
    setText(this.#lines, plural(store.rows, "line"));
    setText(this.#out, bytes("stdout") > 0 ? `stdout ${size(bytes("stdout"))}` : "");
    setText(this.#err, bytes("stderr") > 0 ? `stderr ${size(bytes("stderr"))}` : "");
    const lost = intake.lost("stdout") + intake.lost("stderr") + (stat?.lost ?? 0);
    setText(this.#lost, lost > 0 ? `${size(lost)} lost` : "");
    this.#lost.dataset.bad = String(lost > 0);
    const parts = [this.#lines, this.#lost, this.#out, this.#err].map((part) => part.textContent);
    setAttribute(this.#counts, "title", parts.filter(Boolean).join(" · "));
  }

  #drawLine(status: Status): void {
    const { session } = this;
    const { earlier } = session;
    const gone = session.gone > 0 ? `first ${size(session.gone)} not kept` : "";
    const before = earlier > 0 ? `first ${size(earlier)} not loaded` : "";
    const loading = session.intake.loading;
    const text = loading
      ? `loading ${size(earlier)} …`
      : [status.line, gone, before].filter(Boolean).join(" · ");
    const calm = session.snapshotTaken !== null || status.line === "";
    this.line.draw(calm ? "off" : status.sign, text, status.retry);
    this.#load.hidden = earlier === 0 || loading;
  }

  /** Ending a command cannot be undone: it takes a second click. */
  #question(signal: AbortSignal): HTMLElement {
    const yes = h("button", { class: "kill sure", text: "Stop it" });
    const no = h("button", { text: "Keep" });
    const sure = h("span", { class: "question", role: "group" }, "Stop the command?", yes, no);
    sure.setAttribute("aria-label", "Stop the command?");
    const stop = () => {
      this.session.kill();
      this.#ask(false);
    };
    on(no, "click", () => this.#ask(false), signal);
    on(yes, "click", stop, signal);
    return sure;
  }

  #ask(asking: boolean): void {
    this.#asking = asking;
    this.#drawStop();
    if (asking) this.#sure.querySelector("button")?.focus();
  }

  #fillMenu(): void {
    const { log } = this;
    this.#menu.fill(
      heading("View"),
      this.#option("numbers", "line numbers"),
      this.#option("times", "arrival times"),
      this.#option("wrap", "wrap long lines"),
      this.#option("fold", "fold stack traces"),
      heading("Copy"),
      this.#act("copy the selection", () => log.copySelection()),
      this.#act("select everything", () => log.selectAll()),
      heading("Save"),
      this.#act("what is shown, as text", () => log.save("shown")),
      this.#act("stdout, byte for byte", () => log.save("stdout")),
      this.#act("stderr, byte for byte", () => log.save("stderr")),
    );
  }

  #option(name: SwitchName, text: string): HTMLElement {
    const flip = () => {
      this.look.toggle(name);
      this.#fillMenu();
    };
    return entry(text, flip, this.look[name]);
  }

  #act(text: string, run: () => void): HTMLElement {
    return entry(text, () => {
      run();
      this.#menu.close();
    });
  }
}
