// A timeline as a widget of its own.

import { statusOf } from "../events/event-status.ts";
import { assign, observe } from "../kernel/traits.ts";
import { h, setText } from "../ui/dom.ts";
import frameCss from "../ui/frame.css";
import { StateLine, StateSign } from "../ui/header-parts.ts";
import hues from "../ui/hues.css";
import theme from "../ui/theme.css";
import { WidgetFrame } from "../ui/widget-frame.ts";
import css from "./timeline.css";
import { Timeline } from "./timeline.ts";
import type { TimelineSession } from "./timeline-session.ts";
import type { Model, Traits } from "./timeline-traits.ts";

export class TimelineView {
  readonly #frame: WidgetFrame<Traits>;
  readonly #timeline: Timeline;
  readonly #title = h("span", { class: "axon-name" });
  readonly #state = new StateSign();
  readonly #help = h("span", { class: "counts", text: HELP });
  readonly #header = h("div", { class: "header" }, this.#title, this.#state.element, this.#help);
  readonly #line: StateLine;
  readonly #empty = h("div", { class: "empty" });

  constructor(
    private readonly session: TimelineSession,
    private readonly model: Model,
    host: HTMLElement,
    signal: AbortSignal,
  ) {
    const frame = new WidgetFrame(model, host, signal, {
      css: theme + hues + frameCss + css,
      label: `Timeline ${this.#name}`,
      medium: 720,
      narrow: 480,
      draw: () => this.#draw(),
      drawSlow: () => this.#drawSlow(),
      measure: (width) => this.#timeline.resize(width - 22),
      themed: () => this.#timeline.themed(),
    });
    this.#frame = frame;
    this.#line = new StateLine(() => session.retry());
    this.#timeline = new Timeline(session.spans, this.#actions(), frame);
    session.watch(() => frame.invalidate(), signal);
    observe(model, "time_range", () => frame.invalidate(), signal);
    frame.assemble(this.#header, this.#line.element, this.#timeline.element, this.#empty);
  }

  get #name(): string {
    return this.model.get("title") || this.model.get("axon_id") || "timeline";
  }

  #actions() {
    const { model, session } = this;
    return {
      now: () => session.until,
      open: ({ first, last }: { first: number; last: number }) =>
        assign(model, "opened", [first, last]),
      get brush() {
        return model.get("time_range") ?? null;
      },
      setBrush: (range: [number, number] | null) => assign(model, "time_range", range),
    };
  }

  #draw(): boolean {
    this.#timeline.draw();
    return true;
  }

  #drawSlow(): void {
    const status = statusOf(this.session.facts);
    setText(this.#title, this.#name);
    this.#header.dataset.sign = status.sign;
    this.#state.draw(status);
    this.#line.draw(status.sign, status.line, status.retry);
    const none = this.session.spans.byId.size === 0;
    this.#empty.hidden = !none;
    const known = status.sign === "live" || status.empty === "";
    setText(this.#empty, known ? "No turns yet." : status.empty);
    this.#frame.root.dataset.empty = String(none);
  }
}

const HELP = "drag the axis to select · Ctrl+wheel or + and - zoom · 0 shows all";
