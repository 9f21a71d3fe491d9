// All rows of a view: those of each lane, merged by time; epochs stand one after the other.

import type { Store } from "../events/event-store.ts";
import type { Lane } from "../events/lane.ts";
import type { Range } from "../kernel/protocol.ts";
import { LaneMerge, type LaneRows } from "./lane-merge.ts";
import { Divider, type Row, RowIndex, type RowOptions } from "./row-index.ts";
import { RowTimes, wholeTime } from "./row-times.ts";

/** What is the same for all lanes. */
export type RowsOptions = Omit<RowOptions, "marks" | "start" | "pauses">;

const EVERYTHING = Number.POSITIVE_INFINITY;
const NO_MARKS: ReadonlyMap<number, string> = new Map();

export class Rows {
  complete = true;
  readonly #epochs: LaneMerge[] = [];
  readonly #lanes: LaneRows[] = [];
  /** The rows of the lane, where there is one only. */
  #only: RowIndex | null = null;
  /** Rank of the first row of each epoch, its divider included; one entry more than epochs. */
  #before: number[] = [0];
  /** The lane that is updated first: each gets its part of the time. */
  #turn = 0;
  /** Newest position that is shown, by lane; lanes that are not here came later. */
  #limits: ReadonlyMap<Lane, number> | null = null;
  #since: ReadonlyMap<Lane, number> | null = null;

  constructor(
    private readonly store: Store,
    private options: RowsOptions,
  ) {
    this.#bound();
  }

  get length(): number {
    return this.#before.at(-1)!;
  }

  /** Events that passed the filter. */
  get hits(): number {
    return this.#lanes.reduce((sum, { index }) => sum + index.hits, 0);
  }

  /** Whether there is more than one lane in an epoch: positions alone do not tell the order. */
  get several(): boolean {
    return this.#lanes.length > this.#epochs.length;
  }

  /** Begin anew with other options; rows appear with the next `update`. */
  reset(options: Partial<RowsOptions>): void {
    this.options = { ...this.options, ...options };
    this.#bound();
    for (const { lane, index } of this.#lanes) index.reset(this.#optionsOf(lane));
    this.complete = false;
    this.#sum();
  }

  /** Build again the chunk around a position, for example after it was unfolded. */
  touch(position: number): void {
    this.#rowsOf(position)?.index.touch(position);
    this.complete = false;
  }

  /** Show what is at or before a position of its lane, and what other lanes have by now. */
  setLimit(limit: number): void {
    this.options = { ...this.options, limit };
    this.#bound();
    for (const { lane, index } of this.#lanes) index.setLimit(this.#limitOf(lane));
    this.#sum();
  }

  /** Events that are here and not shown because of the limit. */
  get beyondLimit(): number {
    return this.#lanes.reduce(
      (sum, { lane }) => sum + Math.max(0, lane.newest - this.#limitOf(lane)),
      0,
    );
  }

  /** Where the streams begin and which labelled dividers they have, as the kernel says now. */
  setFrame(startOf: (lane: Lane) => number, marks: ReadonlyMap<number, string>): void {
    this.#open();
    for (const { lane, index } of this.#lanes) index.setFrame(startOf(lane), marks);
  }

  /** Take in what is new, for at most `budget` ms; `complete` says whether everything is. */
  update(budget: number, now: () => number = () => performance.now()): boolean {
    const until = now() + budget;
    let changed = this.#open();
    this.complete = true;
    const count = this.#lanes.length;
    const first = this.#turn;
    for (let i = 0; i < count; i++) {
      const at = (first + i) % count;
      const { index } = this.#lanes[at]!;
      changed = index.update(until - now(), now) || changed;
      if (!index.complete && this.complete) this.#turn = at + 1;
      this.complete &&= index.complete;
    }
    if (changed) this.#sum();
    return changed;
  }

  row(rank: number): Row | null {
    if (this.#only) return this.#only.row(rank);
    const at = this.#epochAt(rank);
    if (at < 0) return null;
    const inside = rank - this.#before[at]! - this.#dividers(at);
    if (inside >= 0) return this.#epochs[at]!.row(inside);
    const next = this.#epochs[at]!.row(0);
    return next && { ...next, last: next.position, count: 0, divider: Divider.Epoch, child: false };
  }

  /** Rank of the row that shows the event at a position, or of the next one after it. */
  indexOf(position: number): number {
    if (this.#only) return this.#only.indexOf(position);
    const rows = this.#rowsOf(position);
    if (!rows) return 0;
    const { epoch } = rows.lane;
    const time = () => wholeTime(this.store.get(position)?.timestamp_ms ?? 0);
    const inside = this.#epochs[epoch]!.rankOf(position, rows.lane, time);
    const rank = this.#before[epoch]! + this.#dividers(epoch) + inside;
    return Math.max(0, Math.min(rank, this.length - 1));
  }

  /** Positions of one lane that passed the filter, ascending. */
  positions(from: number, to: number): Iterable<number> {
    return this.#rowsOf(from)?.index.positions(from, to) ?? [];
  }

  /** All positions that passed the filter, in the order of the rows. */
  *inOrder(): Generator<number> {
    for (const merge of this.#epochs) yield* merge.positions();
  }

  /** Positions of the lanes, each ascending, from one on per lane. */
  *newIn(next: (lane: Lane) => number): Generator<number> {
    for (const { lane, index } of [...this.#lanes]) yield* index.positions(next(lane));
  }

  /** Ranges of positions, one per lane, that the rows from one rank to another show. */
  between(first: number, last: number): Range[] {
    return this.#epochs.flatMap((merge, epoch) => {
      const offset = this.#before[epoch]! + this.#dividers(epoch);
      const low = merge.cursors(Math.max(0, first - offset));
      const high = merge.cursors(Math.max(0, last + 1 - offset));
      return merge.lanes.flatMap(({ index }, i): Range[] => {
        if (high[i]! <= low[i]!) return [];
        const [from, to] = [index.row(low[i]!), index.row(high[i]! - 1)];
        return from && to ? [[from.position, to.last]] : []; // null while a chunk is built again
      });
    });
  }

  /** Ranges of positions, one per lane, of all that may be shown. */
  all(): Range[] {
    const { lanes } = this.store;
    return lanes
      .map((lane): Range => [lane.start, Math.min(lane.newest, this.#limitOf(lane))])
      .filter(([from, to]) => to >= from);
  }

  /** Whether an event is the newest of its lane that may be shown. */
  isNewest(position: number): boolean {
    const lane = this.store.laneAt(position);
    return lane !== undefined && position === Math.min(lane.newest, this.#limitOf(lane));
  }

  /** Newest position of each lane by now. */
  newest(): Map<Lane, number> {
    return new Map(this.store.lanes.map((lane) => [lane, lane.newest]));
  }

  /**
   * How many events that passed the filter came after those that were seen, and stand behind the row
   * at a rank; the rows up to it are seen now.
   */
  unseen(seen: Map<Lane, number>, rank: number): number {
    const epoch = this.#epochs.length - 1;
    if (epoch < 0) return 0;
    const merge = this.#epochs[epoch]!;
    const cursors = merge.cursors(
      Math.max(0, rank + 1 - this.#before[epoch]! - this.#dividers(epoch)),
    );
    let count = 0;
    for (const [i, { lane, index }] of merge.lanes.entries()) {
      const lowest = cursors[i]! > 0 ? index.row(cursors[i]! - 1)!.last : -1;
      const until = Math.max(seen.get(lane) ?? -1, lowest);
      seen.set(lane, until);
      count += index.countHits(until + 1, EVERYTHING);
    }
    return count;
  }

  /** Rows of lanes that are new. */
  #open(): boolean {
    const { store } = this;
    const known = this.#lanes.length;
    if (known === store.lanes.length) return false;
    const wereSeveral = this.several;
    for (const lane of store.lanes.slice(known)) {
      while (this.#epochs.length <= lane.epoch) this.#epochs.push(new LaneMerge());
      const options = { ...this.#optionsOf(lane), marks: NO_MARKS, start: EVERYTHING };
      const index = new RowIndex(store, lane, options);
      const rows = { lane, index, times: new RowTimes(store, lane, index) };
      this.#lanes.push(rows);
      this.#epochs[lane.epoch]!.lanes.push(rows);
    }
    this.#only = this.#lanes.length === 1 ? this.#lanes[0]!.index : null;
    if (this.several !== wereSeveral)
      for (const { lane, index } of this.#lanes) index.reset(this.#optionsOf(lane));
    return true;
  }

  #bound(): void {
    const { limit, since } = this.options;
    const { lanes } = this.store;
    const own = this.store.laneAt(limit);
    const limitOf = (lane: Lane): number => {
      if (lane === own) return limit;
      if (!own || lane.epoch > own.epoch) return lane.start;
      return lane.newest;
    };
    this.#limits =
      limit === EVERYTHING ? null : new Map(lanes.map((lane) => [lane, limitOf(lane)]));
    this.#since = since === 0 ? null : new Map(lanes.map((lane) => [lane, lane.newest + 1]));
  }

  #limitOf(lane: Lane): number {
    return this.#limits === null ? EVERYTHING : (this.#limits.get(lane) ?? lane.start);
  }

  #optionsOf(lane: Lane): Omit<RowOptions, "marks" | "start"> {
    const since = this.#since?.get(lane) ?? 0;
    return { ...this.options, limit: this.#limitOf(lane), since, pauses: !this.several };
  }

  #rowsOf(position: number): LaneRows | undefined {
    const lane = this.store.laneAt(position);
    return lane && this.#lanes[lane.number];
  }

  /** Before the rows of an epoch that is not the first stands a divider. */
  #dividers(epoch: number): number {
    return epoch > 0 && this.#epochs[epoch]!.length > 0 ? 1 : 0;
  }

  #epochAt(rank: number): number {
    if (!(rank >= 0 && rank < this.length)) return -1;
    return this.#before.findLastIndex((before) => before <= rank);
  }

  #sum(): void {
    this.#before = [0];
    for (const [epoch, merge] of this.#epochs.entries()) {
      merge.update();
      this.#before.push(this.#before[epoch]! + this.#dividers(epoch) + merge.length);
    }
  }
}
