// Words among bytes: where one of them stands, and where a sequence may stand inside one.
//
// A window as long as the shortest word goes over the bytes; the last two bytes in it tell
// how far it can move (Horspool's way, for several words at once after Wu and Manber).

import type { Run } from "./output-store.ts";
import { STYLED } from "./screen.ts";

const PAIRS = 1 << 14;
/** Moves are kept in bytes. */
const WINDOW = 255;
/** Nearer than this an ESC is found sooner without the engine's own search. */
const NEAR = 12;

const ESC = 0x1b;
const CR = 0x0d;

const utf8 = new TextEncoder();

export class Words {
  readonly #window: number;
  /** How far the window moves, by the last pair in it; 0 for a close look. */
  readonly #moves: Uint8Array;
  /** 1 for pairs of neighbours in a word. Other pairs may share their places, here and above. */
  readonly #inside = new Uint8Array(PAIRS);
  /** By their first byte. */
  readonly #words: Uint8Array[][] = Array.from({ length: 256 }, () => []);
  /** What bytes are compared as. */
  readonly #fold = Uint8Array.from({ length: 256 }, (_, byte) => byte);

  /** ASCII words; `lower`: they are in lower case, and so is what they are compared with. */
  constructor(words: readonly string[], lower: boolean) {
    if (lower) for (let upper = 0x41; upper <= 0x5a; upper++) this.#fold[upper] = upper + 0x20;
    this.#window = Math.min(WINDOW, ...words.map((word) => word.length));
    this.#moves = new Uint8Array(PAIRS).fill(Math.max(1, this.#window - 1));
    for (const word of words.map((text) => utf8.encode(text))) {
      this.#words[word[0]!]!.push(word);
      this.#enter(word, lower);
    }
  }

  /** Where the next word begins, from `from` on; the number of bytes for none. */
  find(bytes: Uint8Array, from = 0): number {
    const last = this.#window - 1;
    for (let at = from + last; at < bytes.length; ) {
      const move = this.#moves[pairOf(bytes[at > 0 ? at - 1 : 0]!, bytes[at]!)]!;
      if (move === 0 && this.#isAt(bytes, at - last)) return at - last;
      at += move || 1;
    }
    return bytes.length;
  }

  /** Whether a word stands in the bytes. */
  isIn(bytes: Uint8Array): boolean {
    return this.find(bytes) < bytes.length;
  }

  /** Where the next sequence stands that may be inside a word; the number of bytes for none. */
  seam(bytes: Uint8Array, from = 0): number {
    for (let at = nextEscape(bytes, from); at < bytes.length; ) {
      const next = afterSequences(bytes, at);
      const isInside = at > 0 && this.#inside[pairOf(bytes[at - 1]!, bytes[next]!)] === 1;
      if (isInside) return at;
      at = nextEscape(bytes, next);
    }
    return bytes.length;
  }

  #enter(word: Uint8Array, lower: boolean): void {
    const last = this.#window - 1;
    // Whatever stands before a single byte.
    if (last === 0) for (let byte = 0; byte < 256; byte++) this.#limit(byte, word[0]!, 0, lower);
    for (let at = 1; at < word.length; at++) {
      if (at <= last) this.#limit(word[at - 1]!, word[at]!, last - at, lower);
      for (const pair of pairs(word[at - 1]!, word[at]!, lower)) this.#inside[pair] = 1;
    }
  }

  #limit(first: number, second: number, move: number, lower: boolean): void {
    for (const pair of pairs(first, second, lower))
      this.#moves[pair] = Math.min(this.#moves[pair]!, move);
  }

  #isAt(bytes: Uint8Array, start: number): boolean {
    const fold = this.#fold;
    for (const word of this.#words[fold[bytes[start]!]!]!) {
      let at = 1;
      while (at < word.length && fold[bytes[start + at]!] === word[at]) at++;
      if (at === word.length) return true;
    }
    return false;
  }
}

/**
 * The lines of a run of ASCII that hold a word among what was printed, and those in which a
 * sequence may stand inside one: every line that shows a word is one of them. Numbers from 0.
 */
export function linesNear(words: Words, { bytes, starts, flags }: Run): number[] {
  const near: number[] = [];
  const seam = (from: number) => (flags & STYLED ? words.seam(bytes, from) : bytes.length);
  let nextWord = words.find(bytes);
  let nextSeam = seam(0);
  for (let line = 0; ; ) {
    const at = Math.min(nextWord, nextSeam);
    if (at === bytes.length) return near;
    while (starts[line + 1]! <= at) line++;
    near.push(line);
    const end = starts[line + 1] ?? bytes.length;
    if (nextWord < end) nextWord = words.find(bytes, end);
    if (nextSeam < end) nextSeam = seam(end);
  }
}

function pairOf(first: number, second: number): number {
  return ((first << 7) + second) & (PAIRS - 1);
}

function pairs(first: number, second: number, lower: boolean): number[] {
  return cases(first, lower).flatMap((a) => cases(second, lower).map((b) => pairOf(a, b)));
}

function cases(byte: number, lower: boolean): number[] {
  return lower && byte >= 0x61 && byte <= 0x7a ? [byte, byte - 0x20] : [byte];
}

/** Where the next ESC is; the number of bytes for none. */
function nextEscape(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + NEAR);
  for (let at = from; at < near; at++) if (bytes[at] === ESC) return at;
  const at = bytes.indexOf(ESC, near);
  return at < 0 ? bytes.length : at;
}

/** Position behind the sequences that begin at `at`, one after the other. */
function afterSequences(bytes: Uint8Array, at: number): number {
  let next = at;
  for (;;) {
    if (bytes[next] === ESC) {
      next += 2;
      while (bytes[next]! >= 0x30 && bytes[next]! < 0x3c) next++;
      next++;
    } else if (bytes[next] === CR) next++;
    else return next;
  }
}
