// The rows of several lanes as one list, in the order of (time, lane). Nothing is stored for it: how
// many rows of a lane come before a time is a binary search, and so is the row of a rank.

import { type Lane, laneNumber } from "../events/lane.ts";
import type { Row, RowIndex } from "./row-index.ts";
import type { RowTimes } from "./row-times.ts";

/** Rows that are found together: a screen asks for neighbours. */
const BLOCK = 64;

/** A lane with its rows. */
export interface LaneRows {
  lane: Lane;
  index: RowIndex;
  times: RowTimes;
}

export class LaneMerge {
  readonly lanes: LaneRows[] = [];
  length = 0;
  #low = 0;
  #high = 0;
  #blockAt = -1;
  #block: Row[] = [];

  /** The lanes have other rows than before. */
  update(): void {
    this.#blockAt = -1;
    this.length = this.lanes.reduce((sum, { index }) => sum + index.length, 0);
    if (this.lanes.length < 2) return;
    for (const { times } of this.lanes) times.update();
    const extents = this.lanes.flatMap(({ times }) => (times.extent ? [times.extent] : []));
    this.#low = Math.min(...extents.map(([low]) => low));
    this.#high = Math.max(...extents.map(([, high]) => high));
  }

  row(rank: number): Row | null {
    if (this.lanes.length === 1) return this.lanes[0]!.index.row(rank);
    if (rank < 0 || rank >= this.length) return null;
    const from = rank - (rank % BLOCK);
    if (from !== this.#blockAt) {
      this.#block = this.#rows(from);
      this.#blockAt = from;
    }
    return this.#block[rank - from] ?? null;
  }

  /** Rank of the row that shows the event at a position of a lane, or of the next one after it. */
  rankOf(position: number, lane: Lane, time: () => number): number {
    if (this.lanes.length === 1) return this.lanes[0]!.index.indexOf(position);
    const own = this.lanes.findIndex((one) => one.lane === lane);
    if (own < 0) return 0;
    const { index, times } = this.lanes[own]!;
    const local = index.indexOf(position);
    const at = index.length > 0 ? times.at(local) : time();
    return this.lanes.reduce(
      (sum, other, i) => sum + (i === own ? local : other.times.before(i < own ? at + 1 : at)),
      0,
    );
  }

  /** How many rows of each lane come before a rank. */
  cursors(rank: number): number[] {
    const { lanes } = this;
    if (lanes.length === 1) return [Math.min(rank, this.length)];
    if (rank >= this.length) return lanes.map(({ index }) => index.length);
    const until = (time: number) => lanes.reduce((sum, { times }) => sum + times.before(time), 0);
    let [time, high] = [this.#low, this.#high];
    while (time < high) {
      const middle = Math.floor((time + high) / 2);
      if (until(middle + 1) > rank) high = middle;
      else time = middle + 1;
    }
    let left = rank - until(time);
    // Of rows at the same time those of the first lane come first.
    return lanes.map(({ times }) => {
      const before = times.before(time);
      const taken = Math.min(left, times.before(time + 1) - before);
      left -= taken;
      return before + taken;
    });
  }

  /** Positions that passed the filter, in the order of the rows. */
  *positions(): Generator<number> {
    if (this.lanes.length === 1) return yield* this.lanes[0]!.index.positions();
    const indexOf = new Map(this.lanes.map(({ lane, index }) => [lane.number, index]));
    for (let rank = 0; rank < this.length; rank++) {
      const row = this.row(rank);
      if (row?.divider !== 0 || row.child) continue;
      if (row.count === 1) yield row.position;
      else yield* indexOf.get(laneNumber(row.position))!.positions(row.position, row.last);
    }
  }

  #rows(from: number): Row[] {
    const cursors = this.cursors(from);
    const heads = this.lanes.map((_, i) => this.#head(i, cursors[i]!));
    const found: Row[] = [];
    while (found.length < BLOCK && from + found.length < this.length) {
      let first = 0;
      for (let i = 1; i < heads.length; i++) if (heads[i]! < heads[first]!) first = i;
      const row = this.lanes[first]!.index.row(cursors[first]!);
      if (!row) break;
      found.push(row);
      heads[first] = this.#head(first, ++cursors[first]!);
    }
    return found;
  }

  /** Time of a lane's row; beyond all for none. */
  #head(i: number, row: number): number {
    const { index, times } = this.lanes[i]!;
    return row < index.length ? times.at(row) : Number.POSITIVE_INFINITY;
  }
}
