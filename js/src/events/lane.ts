// The events of one axon in one epoch. A position names an event: its sequence, plus where its lane
// starts, so that the streams of several axons, and those that begin anew, stand apart.

/** Positions per lane; a multiple of CHUNK. */
export const STRIDE = 2 ** 40;

/** Two events that belong together, by position. */
export interface Pair {
  open: number;
  close: number;
  openTime: number;
  closeTime: number;
  failed: boolean;
}

export class Lane {
  /** Of its chunks, ascending. */
  readonly keys: number[] = [];
  readonly pairs = new Map<string, Pair>();
  /** Position of the newest event, or -1. */
  newest = -1;
  /** Filled positions below this were let go. */
  floor: number;
  size = 0;
  chars = 0;
  /** Code of the axon in the store's dictionary; 0 before its first event. */
  axon = 0;

  constructor(
    /** Among all lanes of the store. */
    readonly number: number,
    /** Of the axon, among those of its epoch. */
    readonly place: number,
    readonly epoch: number,
  ) {
    this.floor = this.start;
  }

  get start(): number {
    return this.number * STRIDE;
  }

  position(sequence: number): number {
    return this.start + sequence;
  }
}

/** Of the lane that a position is in. */
export function laneNumber(position: number): number {
  return Math.floor(position / STRIDE);
}

/** Keep a sorted array sorted. */
export function insertKey(keys: number[], key: number): number {
  let at = keys.length;
  while (at > 0 && keys[at - 1]! > key) at--;
  keys.splice(at, 0, key);
  return at;
}
