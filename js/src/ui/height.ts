// The lower edge of the widget: dragged with the pointer, moved with the arrow keys.

import { h, on } from "./dom.ts";

const LEAST = 160;
const MOST = 2000;
const STEP = 24;
export const USUAL_HEIGHT = 480;

export class HeightHandle {
  readonly element = h("div", {
    class: "handle",
    role: "separator",
    tabindex: 0,
    "aria-orientation": "horizontal",
    "aria-label": "Height",
    "aria-valuemin": LEAST,
    "aria-valuemax": MOST,
  });

  constructor(
    private readonly root: HTMLElement,
    private readonly done: (height: number) => void,
    signal: AbortSignal,
  ) {
    let from: { y: number; height: number } | null = null;
    on(
      this.element,
      "pointerdown",
      (event) => {
        this.element.setPointerCapture(event.pointerId);
        from = { y: event.clientY, height: this.#height };
      },
      signal,
    );
    on(
      this.element,
      "pointermove",
      (event) => {
        if (from) this.set(from.height + event.clientY - from.y);
      },
      signal,
    );
    on(
      this.element,
      "pointerup",
      () => {
        from = null;
        done(this.#height);
      },
      signal,
    );
    on(this.element, "keydown", (event) => this.#key(event), signal);
  }

  set(height: number): void {
    const bounded = Math.round(Math.min(MOST, Math.max(LEAST, height)));
    this.root.style.height = `${bounded}px`;
    this.element.setAttribute("aria-valuenow", String(bounded));
  }

  get #height(): number {
    return Math.round(this.root.getBoundingClientRect().height);
  }

  #key(event: KeyboardEvent): void {
    const by = event.key === "ArrowDown" ? STEP : event.key === "ArrowUp" ? -STEP : 0;
    if (by === 0) return;
    event.preventDefault();
    this.set(this.#height + by);
    this.done(this.#height);
  }
}
