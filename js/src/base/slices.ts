// Work that takes long, in slices: frames and input come in between, waiting does not.

export class Slices {
  readonly #channel = new MessageChannel();
  running = false;

  /** `slice` does a little and returns whether that was all. */
  constructor(slice: () => boolean, signal: AbortSignal) {
    const { port1, port2 } = this.#channel;
    // A timer would wait four milliseconds, and a frame sixteen, between two slices.
    port1.onmessage = () => {
      this.running = !signal.aborted && !slice();
      if (this.running) port2.postMessage(null);
    };
    const end = () => {
      port1.close();
      port2.close();
    };
    signal.addEventListener("abort", end, { once: true });
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.#channel.port2.postMessage(null);
  }
}
