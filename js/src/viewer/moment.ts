// The moment a view shows: moved by the time bar, by Python (`viewer.at`), or by itself. What it
// leaves out is left out of the rows, the counts, the chart and the timeline alike.

import type { Store } from "../events/event-store.ts";
import { SpansAsOf } from "../events/spans-as-of.ts";
import { Tally, type Totals } from "../events/tally.ts";
import { tellMoment } from "../kernel/page-moment.ts";
import { assign, observe } from "../kernel/traits.ts";
import type { TimelineSession } from "../trace/timeline-session.ts";
import { Playhead } from "./playhead.ts";
import type { Showing } from "./showing.ts";
import type { Model } from "./viewer-traits.ts";

/** Python and other views are told at most once in this time. */
const TELL_MS = 200;
/** A longer time between two frames is not played: the view was out of sight. */
const LONGEST_FRAME_MS = 250;
const STARTED = "turn.started";

export class Moment {
  readonly head: Playhead;
  readonly spans: SpansAsOf;
  readonly #store: Store;
  #tally: Tally | null = null;
  #tallied = "";
  #timer = 0;
  #told: number | null;
  #framedAt = 0;

  /** `changed` is called when another moment is shown. */
  constructor(
    private readonly session: TimelineSession,
    private readonly showing: Showing,
    private readonly model: Model,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.#store = session.store;
    this.head = new Playhead(session.store);
    this.spans = new SpansAsOf(session.spans);
    this.#told = model.get("at") ?? null;
    observe(model, "at", () => this.#take(model.get("at") ?? null), signal);
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  get isLive(): boolean {
    return this.head.position === null;
  }

  /** The sequence of the newest event that is shown; 0 before all of them, null for live. */
  get sequence(): number | null {
    const { position } = this.head;
    if (position === null) return null;
    return position < 0 ? 0 : this.#store.sequence(position);
  }

  /** What counts are made from. */
  get totals(): Totals {
    return this.#counted ?? this.#store;
  }

  get histogram() {
    return this.#counted?.histogram ?? this.session.histogram;
  }

  /** Where bars of what ran then end. */
  get until(): number {
    return this.isLive ? this.session.until : (this.head.time ?? 0);
  }

  /** First events of turns, by position. */
  turns(): number[] {
    const store = this.#store;
    const found: number[] = [];
    for (const { kind, first } of this.session.spans.byId.values()) {
      const position = store.position(first);
      if (kind === "turn" && store.has(position)) found.push(position);
    }
    if (found.length > 0) return found.sort((a, b) => a - b);
    return store.positionsOf(STARTED);
  }

  /** Move the playhead, and show what it points at. */
  move(step: (head: Playhead) => void): void {
    const before = this.head.position;
    step(this.head);
    this.#framedAt = 0;
    if (this.head.position !== before) this.#show();
    else this.changed();
  }

  /** Play on, in each frame; returns whether more frames are wanted. */
  frame(now: number): boolean {
    const { head } = this;
    if (!head.isPlaying) return false;
    const elapsed = this.#framedAt === 0 ? 0 : Math.min(now - this.#framedAt, LONGEST_FRAME_MS);
    this.#framedAt = now;
    if (head.advance(elapsed)) this.#show();
    return head.isPlaying;
  }

  /** What was asked for in Python before events were here. */
  takeFirst(): void {
    if (this.#told !== null && this.isLive) this.#take(this.#told);
  }

  get #counted(): Tally | null {
    const { position } = this.head;
    if (position === null) return null;
    const { histogram, reordered } = this.session;
    const { names } = this.#store.types;
    const key = [position, reordered, this.#store.evicted, names.length, histogram.sliceMs].join();
    if (key !== this.#tallied) this.#tally = new Tally(this.#store, position, histogram.sliceMs);
    this.#tallied = key;
    return this.#tally;
  }

  #take(sequence: number | null): void {
    this.#told = sequence;
    if (sequence === this.sequence) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.head.pause();
    if (sequence === null) this.head.live();
    else this.head.moveTo(sequence > 0 ? this.#store.position(sequence) : -1);
    this.#show();
  }

  #show(): void {
    const { showing, sequence } = this;
    this.spans.sequence = sequence;
    showing.setMoment(this.head.position);
    this.changed();
    tellMoment(this.model.get("axon_id") ?? "", sequence);
    // Not with every frame: each time costs the kernel a message.
    if (this.#timer === 0) this.#timer = window.setTimeout(() => this.#tell(), TELL_MS);
  }

  #tell(): void {
    this.#timer = 0;
    this.#told = this.sequence;
    assign(this.model, "at", this.sequence);
  }
}
