// When to draw: with the next frame, or not before somebody can see it.

/** Of fifty logs in a notebook three can be seen: those have the frames. */
export class Frames {
  #frame = 0;
  #seen = false;
  #wanted = false;

  constructor(
    element: Element,
    private readonly draw: () => void,
    private readonly signal: AbortSignal,
  ) {
    const sights = new IntersectionObserver((entries) => {
      this.#look(entries.at(-1)!.isIntersecting);
    });
    sights.observe(element);
    const end = () => {
      sights.disconnect();
      cancelAnimationFrame(this.#frame);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  request(): void {
    this.#wanted = true;
    if (this.#frame !== 0 || !this.#seen || this.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = 0;
    this.#wanted = false;
    if (!this.signal.aborted) this.draw();
  }

  #look(seen: boolean): void {
    this.#seen = seen;
    if (seen && this.#wanted) this.request();
  }
}
