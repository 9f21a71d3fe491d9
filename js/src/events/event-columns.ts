// What events are kept in: columns of numbers and texts, CHUNK events together.

import type { Lane } from "./lane.ts";

export const CHUNK = 16384;

/** Strings by number; events store the number. Number 0 is "nothing here". */
export class Dictionary {
  readonly names: string[] = [""];
  readonly counts: number[] = [0];
  readonly #codes = new Map<string, number>([["", 0]]);

  code(name: string): number {
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    // The columns hold 16 bits: past that, values share the last code under one name.
    if (this.names.length >= 65535) return this.#overflow();
    this.names.push(name);
    this.counts.push(0);
    this.#codes.set(name, this.names.length - 1);
    return this.names.length - 1;
  }

  /** The number of a name already seen, or -1. */
  find(name: string): number {
    return this.#codes.get(name) ?? -1;
  }

  #overflow(): number {
    if (this.names.length === 65535) {
      this.names.push("(other)");
      this.counts.push(0);
    }
    return 65535;
  }
}

export class Chunk {
  readonly time = new Float64Array(CHUNK);
  /** Code of the type plus one is what makes a slot filled; 0 is empty. */
  readonly type = new Uint16Array(CHUNK);
  readonly source = new Uint16Array(CHUNK);
  readonly origin = new Uint8Array(CHUNK);
  readonly kind = new Uint8Array(CHUNK);
  readonly fold = new Uint16Array(CHUNK);
  readonly payload: string[] = new Array<string>(CHUNK).fill("");
  count = 0;
  /** The first filled slot, or CHUNK. */
  first = CHUNK;
  /** One past the last filled slot. */
  end = 0;
  /** Grows when a slot before `end` was filled or emptied: what was derived must be made again. */
  revision = 0;
  chars = 0;

  constructor(
    readonly key: number,
    readonly lane: Lane,
  ) {}

  /** No slot between the first and the last filled one is empty. */
  get seamless(): boolean {
    return this.count === this.end - this.first;
  }

  /** Position of slot 0. */
  get base(): number {
    return this.key * CHUNK;
  }
}
