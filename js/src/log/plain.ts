// Terminal text without its sequences and controls: what searching and classifying lines reads.
//
// Plain bytes and colours, which are nearly everything, go through one tight loop; where a line
// holds anything else, the tokenizer reads the rest of it. No sequence outlives its line.

import { visible } from "../base/visible.ts";
import type { Run } from "./output-store.ts";
import { STYLED, WIDE } from "./screen.ts";
import { Tokenizer, type TokenSink } from "./tokens.ts";
import { hides } from "./width.ts";

const ESC = 0x1b;
const BRACKET = 0x5b;
const C1_LEAD = 0xc2;
/** A longer sequence is the tokenizer's. */
const SHORT = 64;

const ORDINARY = 0;
const NOTHING = 1;
const SPECIAL = 2;
const KINDS = new Uint8Array(256);
KINDS.fill(SPECIAL, 0, 0x20);
KINDS[0x7f] = KINDS[C1_LEAD] = SPECIAL;
KINDS[0x09] = KINDS[0x0a] = ORDINARY;
KINDS[0x07] = KINDS[0x08] = KINDS[0x0d] = NOTHING;

const pictures = new TextEncoder();

export class Plain implements TokenSink {
  #from: Uint8Array = new Uint8Array(0);
  #to = new Uint8Array(0);
  #length = 0;

  /** The text of whole lines; valid until the next call. */
  of(bytes: Uint8Array): Uint8Array {
    this.#from = bytes;
    this.#length = 0;
    // A control becomes a picture of three bytes.
    if (this.#to.length < bytes.length * 3) this.#to = new Uint8Array(bytes.length * 3);
    for (let at = 0; at < bytes.length; ) {
      at = this.#copy(at);
      if (at < bytes.length) at = this.#restOfLine(at);
    }
    return this.#to.subarray(0, this.#length);
  }

  /** Copies up to what is not simple and returns where that is. */
  #copy(from: number): number {
    const source = this.#from;
    const target = this.#to;
    const end = source.length;
    let to = this.#length;
    let at = from;
    while (at < end) {
      const byte = source[at]!;
      const kind = KINDS[byte]!;
      if (kind === ORDINARY) {
        target[to++] = byte;
        at++;
      } else if (kind === NOTHING) at++;
      else if (byte === C1_LEAD && !isC1(source[at + 1])) {
        target[to++] = byte;
        at++;
      } else {
        const next = byte === ESC && source[at + 1] === BRACKET ? afterCsi(source, at + 2) : 0;
        if (next === 0) break;
        at = next;
      }
    }
    this.#length = to;
    return at;
  }

  #restOfLine(from: number): number {
    const newline = this.#from.indexOf(0x0a, from);
    const end = newline < 0 ? this.#from.length : newline;
    new Tokenizer().feed(this.#from, from, end, this);
    return end;
  }

  // ---- what the tokenizer calls ----------------------------------------------------------

  print(from: number, to: number): void {
    this.#to.set(this.#from.subarray(from, to), this.#length);
    this.#length += to - from;
  }

  control(code: number): void {
    if (code === 0x09) this.#to[this.#length++] = code;
    else if (KINDS[code] !== NOTHING) {
      this.#to.set(pictures.encode(visible(String.fromCharCode(code))), this.#length);
      this.#length += 3;
    }
  }

  begin(): void {}
  uncommon(): void {}
  csi(): void {}
  escape(): void {}
  osc(): void {}
}

const utf8 = new TextDecoder();
const plain = new Plain();

/** The visible texts of a run's lines, joined by "\n". */
export function visibleText({ bytes, flags }: Run): string {
  const text = utf8.decode(flags & STYLED ? plain.of(bytes) : bytes);
  return flags & WIDE && hides(text) ? visible(text) : text;
}

/** What is visible of one line of a run that holds nothing but ASCII; valid until the next call. */
export function plainLine({ bytes, starts, flags }: Run, line: number): Uint8Array {
  const next = starts[line + 1];
  const raw = bytes.subarray(starts[line], next === undefined ? bytes.length : next - 1);
  return flags & STYLED ? plain.of(raw) : raw;
}

/** Position behind a CSI sequence of digits and separators; 0 for any other. */
function afterCsi(bytes: Uint8Array, from: number): number {
  const limit = Math.min(bytes.length, from + SHORT);
  for (let at = from; at < limit; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x30 && byte < 0x3c) continue;
    return byte >= 0x40 && byte < 0x7f ? at + 1 : 0;
  }
  return 0;
}

function isC1(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte < 0xa0;
}
