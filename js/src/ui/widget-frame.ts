// What every widget's view has: a shadow root, theme, height, size classes, drawing by frames, and
// short messages. The view says what to draw; when is decided here.

import type { AnyModel } from "@anywidget/types";
import { assign, observe } from "../kernel/traits.ts";
import { h, shadow } from "./dom.ts";
import { HeightHandle, USUAL_HEIGHT } from "./height.ts";
import { applyTheme, type Theme, watchTheme } from "./theme.ts";

/** What the slow parts of a view are drawn again after, ms: states, counts, clocks. */
export const SLOW_MS = 250;
const MESSAGE_MS = 2000;

export interface FrameTraits {
  title: string;
  height: number;
  theme: Theme;
}

/** What a part may ask of the view it is in. */
export interface Display {
  readonly root: HTMLElement;
  /** Ends with the view. */
  readonly signal: AbortSignal;
  /** Draw with the next frame. */
  invalidate(): void;
  /** The same, the slow parts included. */
  soon(): void;
  /** A message for the eye and for the ear: "3 events copied". */
  say(text: string): void;
}

export interface FrameOptions {
  css: string;
  /** Of the region, for screen readers: "Event viewer". */
  label: string;
  /** Below these widths in px the root says "medium" and "narrow". */
  medium: number;
  narrow: number;
  /** `false` puts off the slow part. */
  draw(now: number): boolean;
  /** What need not be drawn twenty times a second; drawn every SLOW_MS. */
  drawSlow(now: number): void;
  /** The root or a watched element has a size, or another one. */
  measure(width: number): void;
  /** Colours are others. */
  themed(): void;
}

export class WidgetFrame<T extends FrameTraits> implements Display {
  readonly root: HTMLElement;
  readonly #handle: HeightHandle;
  readonly #status = h("div", { class: "axon-hidden", role: "status", "aria-live": "polite" });
  readonly #sizes = new ResizeObserver(() => this.#resize());
  readonly #sights = new IntersectionObserver((entries) => this.#look(entries.at(-1)!));
  #frame = 0;
  #slowAt = 0;
  #resized = true;
  /** On the screen. Of fifty widgets in a notebook three are: those have the frames. */
  #seen = false;
  #wanted = false;

  constructor(
    private readonly model: AnyModel<T>,
    host: HTMLElement,
    readonly signal: AbortSignal,
    private readonly options: FrameOptions,
  ) {
    const { root, remove } = shadow(host, options.css);
    this.root = root;
    this.#handle = new HeightHandle(root, (height) => this.#keepHeight(height), signal);
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", options.label);
    const end = () => {
      remove();
      this.#sizes.disconnect();
      this.#sights.disconnect();
      cancelAnimationFrame(this.#frame);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  /** Put the parts in; from now on the view is drawn. */
  assemble(...parts: Node[]): void {
    const { model, signal } = this;
    this.root.append(...parts, this.#handle.element, this.#status);
    this.#takeHeight();
    observe(model, "height", () => this.#takeHeight(), signal);
    observe(model, "theme", () => this.#dress(), signal);
    observe(model, "title", () => this.soon(), signal);
    watchTheme(() => this.#dress(), signal);
    this.#sizes.observe(this.root);
    this.#sights.observe(this.root);
    const timer = setInterval(() => this.invalidate(), SLOW_MS);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    this.invalidate();
  }

  /** Lay out again when this element has another size, too. */
  watchSize(element: HTMLElement): void {
    this.#sizes.observe(element);
  }

  /** Draw with the next frame in which the view can be seen. */
  invalidate(): void {
    this.#wanted = true;
    if (this.#frame !== 0 || !this.#seen || this.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => this.#draw(performance.now()));
  }

  soon(): void {
    this.#slowAt = 0;
    this.invalidate();
  }

  say(text: string): void {
    this.announce(text);
    this.root.dataset.said = text;
    setTimeout(() => {
      if (this.root.dataset.said === text) delete this.root.dataset.said;
    }, MESSAGE_MS);
  }

  /** Only for the ear. */
  announce(text: string): void {
    if (text !== "") this.#status.textContent = text;
  }

  /** Lay out now for the present size. */
  measure(): void {
    const { width } = this.root.getBoundingClientRect();
    if (width === 0) return;
    this.#resized = false;
    const { theme } = this.root.dataset;
    this.#applyTheme();
    if (this.root.dataset.theme !== theme) this.options.themed();
    const { medium, narrow } = this.options;
    this.root.dataset.size = width < narrow ? "narrow" : width < medium ? "medium" : "wide";
    this.options.measure(width);
    this.soon();
  }

  #draw(now: number): void {
    this.#frame = 0;
    this.#wanted = false;
    if (this.signal.aborted) return;
    if (this.#resized) this.measure();
    if (!this.options.draw(now) || now - this.#slowAt < SLOW_MS) return;
    this.#slowAt = now;
    this.options.drawSlow(now);
  }

  #look({ isIntersecting }: IntersectionObserverEntry): void {
    this.#seen = isIntersecting;
    if (isIntersecting && this.#wanted) this.invalidate();
  }

  /** Measuring lays out, so it waits until the view is seen. */
  #resize(): void {
    this.#resized = true;
    this.invalidate();
  }

  #dress(): void {
    this.#applyTheme();
    this.options.themed();
    this.soon();
  }

  #applyTheme(): void {
    applyTheme(this.root, this.model.get("theme") ?? "auto");
  }

  #takeHeight(): void {
    this.#handle.set(this.model.get("height") || USUAL_HEIGHT);
  }

  #keepHeight(height: number): void {
    assign(this.model, "height", height as T["height"]);
  }
}
