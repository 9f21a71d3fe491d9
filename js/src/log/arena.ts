// Append-only bytes with positions that never change, in blocks that never move.

const BLOCK_BITS = 18;
const BLOCK = 1 << BLOCK_BITS;
const MASK = BLOCK - 1;

export class Arena {
  readonly #blocks: Uint8Array[] = [];
  length = 0;

  /** Copies the bytes in and returns the position of the first one. */
  append(bytes: Uint8Array): number {
    const start = this.length;
    let from = 0;
    while (from < bytes.length) {
      const offset = this.length & MASK;
      if (offset === 0 && this.length >>> BLOCK_BITS === this.#blocks.length)
        this.#blocks.push(new Uint8Array(BLOCK));
      const count = Math.min(BLOCK - offset, bytes.length - from);
      this.#block(this.length).set(bytes.subarray(from, from + count), offset);
      this.length += count;
      from += count;
    }
    return start;
  }

  /** The bytes [start, end): a view where they lie in one block, else a copy. */
  slice(start: number, end: number): Uint8Array {
    if (end <= start) return new Uint8Array(0);
    if (start >>> BLOCK_BITS === (end - 1) >>> BLOCK_BITS)
      return this.#block(start).subarray(start & MASK, ((end - 1) & MASK) + 1);
    const joined = new Uint8Array(end - start);
    for (let at = start; at < end; ) {
      const stop = Math.min(end, ((at >>> BLOCK_BITS) + 1) * BLOCK);
      joined.set(this.#block(at).subarray(at & MASK, (at & MASK) + stop - at), at - start);
      at = stop;
    }
    return joined;
  }

  /** How many bytes from `start` on lie in one block. */
  together(start: number): number {
    return BLOCK - (start & MASK);
  }

  /** Bytes held, the unused end of the last block included. */
  get capacity(): number {
    return this.#blocks.length * BLOCK;
  }

  #block(position: number): Uint8Array {
    return this.#blocks[position >>> BLOCK_BITS]!;
  }
}

/** Numbers by index, in pages: no copy when they grow, and a page of zeros takes no room. */
export class Pages {
  readonly #pages: (Uint32Array | undefined)[] = [];
  length = 0;

  push(value: number): void {
    this.set(this.length, value);
  }

  get(index: number): number {
    return this.#pages[index >>> 14]?.[index & 0x3fff] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.length) this.length = index + 1;
    const page = index >>> 14;
    let numbers = this.#pages[page];
    if (!numbers) {
      if (value === 0) return;
      numbers = new Uint32Array(0x4000);
      this.#pages[page] = numbers;
    }
    numbers[index & 0x3fff] = value;
  }

  /** Bytes held. */
  get capacity(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.byteLength ?? 0), 0);
  }
}

/** A set of small numbers, one bit each. */
export class Bits {
  readonly #words = new Pages();
  size = 0;

  add(index: number): void {
    const word = this.#words.get(index >>> 5);
    const bit = 1 << (index & 31);
    if (word & bit) return;
    this.#words.set(index >>> 5, (word | bit) >>> 0);
    this.size++;
  }

  delete(index: number): void {
    if (!this.has(index)) return;
    this.#words.set(index >>> 5, (this.#words.get(index >>> 5) & ~(1 << (index & 31))) >>> 0);
    this.size--;
  }

  has(index: number): boolean {
    return (this.#words.get(index >>> 5) & (1 << (index & 31))) !== 0;
  }

  /** Whether there is a member in [from, to). */
  any(from: number, to: number): boolean {
    for (let at = from; at < to; ) {
      if ((at & 31) === 0 && this.#words.get(at >>> 5) === 0) at += 32;
      else if (this.has(at++)) return true;
    }
    return false;
  }

  /** The members in [from, to), by 32 at a time where there are none. */
  *between(from: number, to: number): Generator<number> {
    for (let at = from; at < to; ) {
      if ((at & 31) === 0 && this.#words.get(at >>> 5) === 0) at += 32;
      else {
        if (this.has(at)) yield at;
        at++;
      }
    }
  }
}
