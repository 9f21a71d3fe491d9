// What a timeline knows, alone or in a viewer: how the stream stands, its events, and the spans.

import { type Facts, Session } from "../events/event-session.ts";
import { type Span, Spans } from "../events/spans.ts";
import type { Hole } from "../kernel/connection.ts";
import type { KernelMessage, Snapshot } from "../kernel/protocol.ts";

/** What was saved with the notebook: the state of the stream, and the spans. */
export interface TimelineSnapshot extends Snapshot {
  spans?: Span[];
  /** The time of the newest event. */
  newest_ms?: number;
}

export class TimelineSession extends Session {
  readonly spans = new Spans();
  readonly #utf8 = new TextDecoder();

  override get facts(): Facts {
    return { ...super.facts, size: Math.max(this.store.size, this.spans.byId.size) };
  }

  /**
   * Where bars of what runs end: the kernel's clock, or when the snapshot was taken. A recording
   * ends with its last event.
   */
  get until(): number {
    const { stat } = this;
    if (stat?.state.name === "ended" && stat.newest_ms) return stat.newest_ms;
    return this.snapshotTaken ?? this.kernelNow;
  }

  override epoch(epoch: string, previous: string): void {
    super.epoch(epoch, previous);
    this.spans.clear();
  }

  override holes(): Hole[] {
    if (this.isOver) return [];
    const spans: Hole = {
      stream: "spans",
      ranges: this.spans.missing(this.stat?.changes ?? 0),
    };
    return [...super.holes(), spans];
  }

  protected override receive(message: KernelMessage, bytes: Uint8Array): void {
    super.receive(message, bytes);
    if (message.kind !== "spans") return;
    const spans = JSON.parse(this.#utf8.decode(bytes)) as Span[];
    this.spans.take(message.first, message.last, spans);
  }

  override load(snapshot: TimelineSnapshot): void {
    if (this.conn.answered) return;
    super.load(snapshot);
    if (this.stat && snapshot.newest_ms) this.stat.newest_ms = snapshot.newest_ms;
    this.spans.take(1, 1, snapshot.spans ?? []);
  }
}
