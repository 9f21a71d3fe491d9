// Cuts terminal output into text and control functions, byte by byte: what is cut anywhere
// and fed in pieces gives the same calls. Reads UTF-8, so C1 controls are C2 80 … C2 9F.
// After ECMA-48, with one rule of its own: no sequence outlives its line, and none is
// longer than MAX_SEQUENCE, so that an unterminated one cannot eat the rest of a log.

/** Bytes of one sequence; a longer one is given up and what follows is text again. */
export const MAX_SEQUENCE = 4096;
/** Parameters of one CSI sequence; more are ignored. */
export const MAX_PARAMETERS = 64;

/** The numbers of a CSI sequence. A missing one is -1. */
export class Parameters {
  readonly values = new Int32Array(MAX_PARAMETERS);
  /** 1 where the number was joined to the one before by a colon. */
  readonly joined = new Uint8Array(MAX_PARAMETERS);
  count = 0;

  /** The number at `index`, or `otherwise` where it is missing or zero. */
  positive(index: number, otherwise: number): number {
    const value = index < this.count ? this.values[index]! : 0;
    return value > 0 ? value : otherwise;
  }
}

/** Who gets the pieces. Positions count from `base`, the position of the first byte fed. */
export interface TokenSink {
  /** UTF-8 text without controls; `ascii` when every byte is below 0x80. */
  print(from: number, to: number, ascii: boolean): void;
  /** A C0 control or DEL that belongs to no sequence. */
  control(code: number, at: number): void;
  /** A complete CSI sequence; `prefix` is one of `<=>?` or 0, and so is `intermediate` (0x20 … 0x2f). */
  csi(final: number, parameters: Parameters, prefix: number, intermediate: number): void;
  /** A sequence begins; it may come to nothing. */
  begin(): void;
  /** The one that began is not, or not known to be, a CSI of digits and separators. */
  uncommon(): void;
  /** ESC and one final byte. */
  escape(final: number): void;
  /** The text of a complete OSC. */
  osc(text: string): void;
}

enum State {
  Ground,
  Escape,
  EscapeIntermediate,
  Csi,
  Osc,
  OscEscape,
  Ignored,
  IgnoredEscape,
}

const ESC = 0x1b;
const BRACKET = 0x5b;
const BEL = 0x07;
const C1_LEAD = 0xc2;
/** A longer CSI is rare. */
const SHORT_CSI = 64;

const SPECIAL = new Uint8Array(256);
SPECIAL.fill(1, 0, 0x20);
SPECIAL[0x7f] = 1;
SPECIAL[C1_LEAD] = 1;

const utf8 = new TextDecoder();

export class Tokenizer {
  #state: State = State.Ground;
  #length = 0;
  #prefix = 0;
  #intermediate = 0;
  #tooMany = false;
  readonly #parameters = new Parameters();
  readonly #text = new Uint8Array(MAX_SEQUENCE);

  /** True between two sequences: the next byte starts something new. */
  get atRest(): boolean {
    return this.#state === State.Ground;
  }

  /** Reads bytes[from … to). A multi-byte UTF-8 sequence must not be cut at the end. */
  feed(bytes: Uint8Array, from: number, to: number, sink: TokenSink, base = 0): void {
    let at = from;
    while (at < to) {
      at =
        this.#state === State.Ground
          ? this.#ground(bytes, at, to, sink, base)
          : this.#sequence(bytes, at, to, sink);
    }
  }

  #ground(bytes: Uint8Array, from: number, to: number, sink: TokenSink, base: number): number {
    let at = from;
    let all = 0;
    while (at < to) {
      const byte = bytes[at]!;
      if (SPECIAL[byte] === 1 && !(byte === C1_LEAD && !isC1(bytes, at, to))) break;
      all |= byte;
      at++;
    }
    if (at > from) sink.print(base + from, base + at, all < 0x80);
    if (at === to) return at;
    const byte = bytes[at]!;
    if (byte === C1_LEAD) {
      sink.begin();
      sink.uncommon();
      this.#open(bytes[at + 1]! - 0x40);
      return at + 2;
    }
    if (byte === ESC) {
      sink.begin();
      const next = bytes[at + 1] === BRACKET ? this.#wholeCsi(bytes, at + 2, to, sink) : 0;
      if (next > 0) return next;
      sink.uncommon();
      this.#enter(State.Escape);
    } else sink.control(byte, base + at);
    return at + 1;
  }

  /** The common case in one go: digits, separators and a final byte, all there; else 0. */
  #wholeCsi(bytes: Uint8Array, from: number, to: number, sink: TokenSink): number {
    const list = this.#parameters;
    list.count = 0;
    this.#prefix = 0;
    this.#intermediate = 0;
    const limit = Math.min(to, from + SHORT_CSI);
    for (let at = from; at < limit; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x30 && byte < 0x3c) this.#parameterByte(byte);
      else if (byte >= 0x40 && byte < 0x7f) {
        sink.csi(byte, list, 0, 0);
        return at + 1;
      } else return 0;
    }
    return 0;
  }

  /** One byte (or one C1) inside a sequence; returns where to go on. */
  #sequence(bytes: Uint8Array, at: number, to: number, sink: TokenSink): number {
    const byte = bytes[at]!;
    const c1 = byte === C1_LEAD && isC1(bytes, at, to);
    if (this.#state >= State.Osc) {
      if (c1 && bytes[at + 1] === 0x9c) {
        this.#finishString(sink);
        return at + 2;
      }
      return this.#stringByte(byte, at, sink);
    }
    if (byte < 0x20 || byte >= 0x80) {
      this.#state = State.Ground;
      return at;
    }
    if (byte === 0x7f) return at + 1;
    if (++this.#length > MAX_SEQUENCE) {
      this.#state = State.Ground;
      return at;
    }
    if (this.#state === State.Csi) this.#csiByte(byte, sink);
    else this.#escapeByte(byte, sink);
    return at + 1;
  }

  #escapeByte(byte: number, sink: TokenSink): void {
    if (byte < 0x30) {
      this.#state = State.EscapeIntermediate;
    } else if (this.#state === State.EscapeIntermediate) {
      this.#state = State.Ground;
    } else {
      this.#state = State.Ground;
      if (!this.#open(byte)) sink.escape(byte);
    }
  }

  /** Starts what ESC `final` starts; false when that is nothing longer. */
  #open(final: number): boolean {
    if (final === 0x5b) {
      this.#enter(State.Csi);
      this.#parameters.count = 0;
      this.#prefix = 0;
      this.#intermediate = 0;
    } else if (final === 0x5d) this.#enter(State.Osc);
    else if (final === 0x50 || final === 0x58 || final === 0x5e || final === 0x5f)
      this.#enter(State.Ignored);
    else return false;
    return true;
  }

  #enter(state: State): void {
    this.#state = state;
    this.#length = 0;
  }

  #csiByte(byte: number, sink: TokenSink): void {
    if (byte >= 0x40) {
      this.#state = State.Ground;
      sink.csi(byte, this.#parameters, this.#prefix, this.#intermediate);
    } else if (byte >= 0x3c) this.#prefix = byte;
    else if (byte >= 0x30) this.#parameterByte(byte);
    else this.#intermediate = byte;
  }

  #parameterByte(byte: number): void {
    const list = this.#parameters;
    if (list.count === 0) this.#nextParameter(0);
    if (byte >= 0x3a) this.#nextParameter(byte === 0x3a ? 1 : 0);
    else if (!this.#tooMany) {
      const value = Math.max(list.values[list.count - 1]!, 0) * 10 + byte - 0x30;
      list.values[list.count - 1] = Math.min(value, 99_999_999);
    }
  }

  #nextParameter(joined: number): void {
    const list = this.#parameters;
    this.#tooMany = list.count === MAX_PARAMETERS;
    if (this.#tooMany) return;
    list.values[list.count] = -1;
    list.joined[list.count] = joined;
    list.count++;
  }

  #stringByte(byte: number, at: number, sink: TokenSink): number {
    if (this.#state === State.OscEscape || this.#state === State.IgnoredEscape) {
      if (byte === 0x5c) {
        this.#state = this.#state === State.OscEscape ? State.Osc : State.Ignored;
        this.#finishString(sink);
        return at + 1;
      }
      this.#enter(State.Escape);
      return at;
    }
    if (byte === ESC) {
      this.#state = this.#state === State.Osc ? State.OscEscape : State.IgnoredEscape;
      return at + 1;
    }
    if (byte === BEL) {
      this.#finishString(sink);
      return at + 1;
    }
    if (byte === 0x0a || byte === 0x0d || byte === 0x18 || byte === 0x1a) {
      this.#state = State.Ground;
      return byte < 0x10 ? at : at + 1;
    }
    if (this.#length === MAX_SEQUENCE) {
      this.#state = State.Ground;
      return at;
    }
    this.#text[this.#length++] = byte;
    return at + 1;
  }

  #finishString(sink: TokenSink): void {
    const wasOsc = this.#state === State.Osc;
    this.#state = State.Ground;
    if (wasOsc) sink.osc(utf8.decode(this.#text.subarray(0, this.#length)));
  }
}

function isC1(bytes: Uint8Array, at: number, to: number): boolean {
  if (at + 1 >= to) return false;
  const next = bytes[at + 1]!;
  return next >= 0x80 && next < 0xa0;
}

/** How many bytes at the end of `bytes` begin a character or a short CSI that is not complete. */
export function unfinishedTail(bytes: Uint8Array): number {
  return unfinishedCharacter(bytes) || unfinishedCsi(bytes);
}

function unfinishedCsi(bytes: Uint8Array): number {
  const { length } = bytes;
  let at = length - 1;
  const first = Math.max(0, length - SHORT_CSI);
  while (at > first && bytes[at]! >= 0x30 && bytes[at]! < 0x3c) at--;
  if (at > 0 && bytes[at] === BRACKET) at--;
  return bytes[at] === ESC ? length - at : 0;
}

function unfinishedCharacter(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < sequenceLength(byte) ? back : 0;
  }
  return 0;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return lead < 0xf5 ? 4 : 1;
  return lead >= 0xe0 ? 3 : 2;
}
