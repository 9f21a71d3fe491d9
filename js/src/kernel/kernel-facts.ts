// What every widget model knows of its kernel: whether it speaks, for how long it has been silent,
// how the stream stands. Made in `initialize`, shared by every view, independent of any DOM.

import { type Channel, Conn, type Hole, type Receiver } from "./connection.ts";
import type { ByeMessage, KernelMessage } from "./protocol.ts";

/** A view without a word from the kernel shows its saved snapshot after this time. */
export const SNAPSHOT_AFTER_MS = 3000;

/** What the state line of every widget is made from. */
export interface KernelFacts {
  answered: boolean;
  /** Time since the session began, ms. */
  age: number;
  silentMs: number;
  silent: boolean;
  gone: boolean;
  bye: ByeMessage["reason"] | null;
  /** When the snapshot was taken; null if this is not one. */
  snapshot: number | null;
  /** The snapshot is a file of its own: there is no cell to run again. */
  inFile: boolean;
  /** Time until the next attempt, ms. */
  retryIn: number;
  error: string;
}

export abstract class KernelSession<Stat extends { state: { retry_in_ms?: number } }>
  implements Receiver
{
  stat: Stat | null = null;
  bye: ByeMessage["reason"] | null = null;
  snapshotTaken: number | null = null;
  inFile = false;
  isSilent = false;
  isGone = false;
  /** Shown in place of the content: the widget itself failed. */
  error = "";

  readonly #views = new Set<() => void>();
  readonly #bornAt: number;
  #conn: Conn | null = null;
  #heardAt: number;
  #statAt = 0;
  #kernelMs = 0;

  constructor(protected readonly now: () => number) {
    this.#bornAt = now();
    this.#heardAt = now();
  }

  /** The last step of a constructor: from now on messages come. */
  protected connect(channel: Channel, signal: AbortSignal): void {
    this.#conn = new Conn(channel, this, signal, this.now);
  }

  get conn(): Conn {
    return this.#conn!;
  }

  /** Call `changed` whenever there is something new to draw, until the signal ends. */
  watch(changed: () => void, signal: AbortSignal): void {
    this.#views.add(changed);
    signal.addEventListener("abort", () => this.#views.delete(changed), { once: true });
  }

  /** The kernel's clock, as far as messages tell. */
  get kernelNow(): number {
    return this.#kernelMs === 0 ? 0 : this.#kernelMs + this.now() - this.#heardAt;
  }

  protected get kernelFacts(): KernelFacts {
    const now = this.now();
    const retry = this.stat?.state.retry_in_ms;
    return {
      answered: this.conn.answered,
      age: now - this.#bornAt,
      silentMs: now - this.#heardAt,
      silent: this.isSilent,
      gone: this.isGone,
      bye: this.bye,
      snapshot: this.snapshotTaken,
      inFile: this.inFile,
      retryIn: retry === undefined ? 0 : Math.max(0, retry - (now - this.#statAt)),
      error: this.error,
    };
  }

  /** Ask the kernel to try again at once. */
  retry(): void {
    this.conn.command("retry");
  }

  /** The host says that the comm is dead: the kernel was restarted or shut down. */
  kernelGone(): void {
    this.isGone = true;
    this.changed();
  }

  fail(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error);
    this.changed();
  }

  // ---- Receiver ---------------------------------------------------------------------------------

  abstract epoch(epoch: string, previous: string): void;
  abstract holes(): Hole[];
  protected abstract receive(message: KernelMessage, bytes: Uint8Array): void;

  take(message: KernelMessage, bytes: Uint8Array): void {
    this.#heardAt = this.now();
    this.#kernelMs = message.sent_ms;
    this.isGone = false;
    this.receive(message, bytes);
    if (message.kind === "bye") this.bye = message.reason;
    this.changed();
  }

  silent(silent: boolean): void {
    this.isSilent = silent;
    this.changed();
  }

  /** Whether the kernel is asked for nothing: it has ended, or this is a snapshot. */
  protected get isOver(): boolean {
    return this.bye !== null || this.snapshotTaken !== null;
  }

  protected keepStat(stat: Stat): void {
    this.stat = stat;
    this.#statAt = this.now();
  }

  protected begin(): void {
    this.stat = null;
    this.bye = null;
    this.snapshotTaken = null;
  }

  protected showSnapshot(snapshot: { taken_ms: number; file?: boolean }, stat: Stat): void {
    this.snapshotTaken = snapshot.taken_ms;
    this.inFile = snapshot.file ?? false;
    this.stat = stat;
    this.changed();
  }

  protected changed(): void {
    for (const changed of this.#views) changed();
  }
}
