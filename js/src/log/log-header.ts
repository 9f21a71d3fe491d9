// The first line: which command, how it stands, how much it printed, the main switches.

import { plural, size } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { h, on, setAttribute, setText } from "../ui/dom.ts";
import { entry, heading, type Menu, menu } from "../ui/menu.ts";
import type { Streams } from "./log-traits.ts";
import type { View } from "./log-view.ts";
import { save } from "./save.ts";

const SIGNS = { live: "●", busy: "◌", off: "■", warn: "◆", bad: "✗", done: "✓" } as const;
const STREAMS: readonly [Streams, string][] = [
  ["both", "both"],
  ["stdout", "stdout"],
  ["stderr", "stderr"],
  ["apart", "side by side"],
];

export class Header {
  readonly element: HTMLElement;
  /** The line under the header for states that need words. */
  readonly line: HTMLElement;
  readonly #title = h("span", { class: "axon-name command" });
  readonly #sign = h("i", { class: "sign", "aria-hidden": "true" });
  readonly #word = h("span", { class: "word" });
  readonly #counts = h("span", { class: "counts" });
  readonly #out = h("span");
  readonly #err = h("span");
  readonly #lines = h("b");
  readonly #lost = h("span", { class: "lost" });
  readonly #streams = h("select", { title: "which streams to show", "aria-label": "Streams" });
  readonly #follow = toggle("⤓", "Follow", "stay with the newest line (End, f)");
  readonly #wrap = toggle("↩", "Wrap", "wrap long lines (w)");
  readonly #times = toggle("◷", "Time", "when each line arrived at the kernel (t)");
  readonly #kill = h("button", { class: "kill", text: "Stop" });
  readonly #sure: HTMLElement;
  readonly #lineText = h("span");
  readonly #retry = h("button", { class: "retry", text: "retry now" });
  readonly #load = h("button", { class: "load", text: "load" });
  readonly #menu: Menu;
  #asking = false;

  constructor(private readonly view: View) {
    const { signal } = view;
    this.#menu = menu("⋯", "more: save, copy, view", signal, () => this.#fillMenu());
    for (const [value, text] of STREAMS) this.#streams.append(h("option", { value, text }));
    this.#sure = this.#question();
    const state = h("span", { class: "state" }, this.#sign, this.#word);
    this.#counts.append(this.#lines, this.#lost, this.#out, this.#err);
    const buttons = h("span", { class: "buttons" }, this.#sure, this.#kill, this.#streams);
    buttons.append(this.#follow, this.#wrap, this.#times, this.#menu.element);
    this.element = h("div", { class: "header" }, this.#title, state, this.#counts, buttons);
    this.line = h("div", { class: "state-line" }, this.#lineText, this.#retry, this.#load);
    on(this.#streams, "change", () => view.setStreams(this.#streams.value as Streams), signal);
    on(this.#follow, "click", () => view.toggleFollow(), signal);
    on(this.#wrap, "click", () => view.toggle("wrap"), signal);
    on(this.#times, "click", () => view.toggle("times"), signal);
    on(this.#retry, "click", () => view.session.retry(), signal);
    on(this.#load, "click", () => view.session.loadEarlier(), signal);
    on(this.#kill, "click", () => this.#ask(true), signal);
  }

  draw(): void {
    const { view } = this;
    const { status, session } = view;
    setText(this.#title, visibleLine(view.title));
    setAttribute(this.#title, "title", visibleLine(view.title));
    this.element.dataset.sign = status.sign;
    setText(this.#sign, SIGNS[status.sign]);
    setText(this.#word, status.word);
    this.#drawCounts();
    setAttribute(this.#follow, "aria-pressed", String(view.following));
    setAttribute(this.#wrap, "aria-pressed", String(view.wrap));
    setAttribute(this.#times, "aria-pressed", String(view.times));
    if (this.#streams.value !== view.streams) this.#streams.value = view.streams;
    if (!session.running) this.#asking = false;
    this.#kill.hidden = !session.running || this.#asking;
    this.#sure.hidden = !this.#asking;
    this.element.dataset.asking = String(this.#asking);
    this.#kill.disabled = session.killing;
    setText(this.#kill, session.killing ? "Stopping …" : "Stop");
    this.#drawLine();
  }

  #drawCounts(): void {
    const { session } = this.view;
    const { intake, stat, store } = session;
    const bytes = (name: "stdout" | "stderr") =>
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

  #drawLine(): void {
    const { status, session } = this.view;
    const { earlier } = session;
    const gone = session.gone > 0 ? `first ${size(session.gone)} not kept` : "";
    const before = earlier > 0 ? `first ${size(earlier)} not loaded` : "";
    const loading = session.intake.loading;
    const text = loading
      ? `loading ${size(earlier)} …`
      : [status.line, gone, before].filter(Boolean).join(" · ");
    this.line.hidden = text === "";
    const calm = session.snapshotTaken !== null || status.line === "";
    this.line.dataset.sign = calm ? "off" : status.sign;
    setText(this.#lineText, visibleLine(text));
    this.#retry.hidden = !status.retry;
    this.#load.hidden = earlier === 0 || loading;
  }

  /** Ending a command cannot be undone: it takes a second click. */
  #question(): HTMLElement {
    const { signal } = this.view;
    const yes = h("button", { class: "kill sure", text: "Stop it" });
    const no = h("button", { text: "Keep" });
    const sure = h("span", { class: "question", role: "group" }, "Stop the command?", yes, no);
    sure.setAttribute("aria-label", "Stop the command?");
    on(no, "click", () => this.#ask(false), signal);
    on(
      yes,
      "click",
      () => {
        this.view.session.kill();
        this.#ask(false);
      },
      signal,
    );
    return sure;
  }

  #ask(asking: boolean): void {
    this.#asking = asking;
    this.draw();
    if (asking) this.#sure.querySelector("button")?.focus();
  }

  #fillMenu(): void {
    const { view } = this;
    const act = (run: () => void) => () => {
      run();
      this.#menu.close();
    };
    const option = (name: "numbers" | "fold" | "wrap" | "times", text: string) =>
      entry(
        text,
        () => {
          view.toggle(name);
          this.#fillMenu();
        },
        view[name],
      );
    this.#menu.fill(
      heading("View"),
      option("numbers", "line numbers"),
      option("times", "arrival times"),
      option("wrap", "wrap long lines"),
      option("fold", "fold stack traces"),
      heading("Copy"),
      entry(
        "copy the selection",
        act(() => view.copySelection()),
      ),
      entry(
        "select everything",
        act(() => view.pane.pointer.selectAll()),
      ),
      heading("Save"),
      entry(
        "what is shown, as text",
        act(() => save(view, "shown")),
      ),
      entry(
        "stdout, byte for byte",
        act(() => save(view, "stdout")),
      ),
      entry(
        "stderr, byte for byte",
        act(() => save(view, "stderr")),
      ),
    );
  }
}

function toggle(icon: string, label: string, title: string): HTMLButtonElement {
  return h(
    "button",
    { title, "aria-label": label },
    h("span", { class: "icon", "aria-hidden": "true", text: icon }),
    h("span", { class: "label", text: label }),
  );
}
