// When to draw: with the next frame, or, while nobody can see it, now and then.

const UNSEEN_MS = 1000;

/** Of fifty logs in a notebook three can be seen: those have the frames. */
export class Frames {
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #seen = true;

  constructor(
    element: Element,
    private readonly draw: () => void,
    private readonly signal: AbortSignal,
  ) {
    const sights = new IntersectionObserver((entries) => {
      this.#look(entries.at(-1)?.isIntersecting ?? true);
    });
    sights.observe(element);
    const end = () => {
      sights.disconnect();
      clearTimeout(this.#timer);
      cancelAnimationFrame(this.#frame);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  request(): void {
    if (this.#frame !== 0 || this.#timer !== undefined || this.signal.aborted) return;
    if (this.#seen) this.#frame = requestAnimationFrame(() => this.#draw());
    else this.#timer = setTimeout(() => this.#draw(), UNSEEN_MS);
  }

  #draw(): void {
    this.#frame = 0;
    this.#timer = undefined;
    if (!this.signal.aborted) this.draw();
  }

  #look(seen: boolean): void {
    this.#seen = seen;
    if (!seen || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.request();
  }
}
