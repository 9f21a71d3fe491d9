// Plain text found in lines as they were printed, colours and all.
//
// Taking the colours out of a hundred megabytes costs more than looking through them, so
// what is found inside a sequence does not count, and lines in which a sequence may stand in the
// middle of what is looked for are looked at one by one.

const ESC = 0x1b;
const BRACKET = 0x5b;
/** Lines looked at one by one; with more of them it is cheaper to take the colours out. */
const CLOSE_LOOKS = 64;
const PAIRS = 128 * 128;

const SEQUENCES = /\x1b\[[0-;]*[@-~]|\r/g;

export class Needle {
  /** Can only be found in lines of more than ASCII. */
  readonly wide: boolean;
  /** Neighbours in the needle, by `pairOf`; a few others may share their places. */
  readonly #pairs = new Uint8Array(PAIRS);

  /** `lower`: the needle is in lower case, and so is what it is compared with. */
  constructor(
    readonly text: string,
    readonly lower: boolean,
  ) {
    this.wide = /[^\t\x20-\x7e]/.test(text);
    for (let at = 1; at < text.length; at++) this.#pairs[pairOf(text, at - 1, at)] = 1;
  }

  /**
   * Numbers of the lines that hold it, in order, when `\n` stands between the lines and every
   * sequence is a colour or the like, complete; null when the colours have to be taken out first.
   */
  linesIn(raw: string, styled: boolean): number[] | null {
    const text = this.lower ? raw.toLowerCase() : raw;
    const broken = styled ? this.#broken(text) : [];
    if (!broken) return null;
    const found: number[] = [];
    let line = 0;
    let end = endOfLine(text, 0);
    let at = this.#next(text, 0, styled);
    for (let near = 0; ; ) {
      const next = Math.min(at, broken[near] ?? Number.POSITIVE_INFINITY);
      if (next === Number.POSITIVE_INFINITY) return found;
      for (; end <= next; line++) end = endOfLine(text, end + 1);
      found.push(line);
      while (broken[near]! < end) near++;
      if (at < end) at = this.#next(text, end, styled);
    }
  }

  /** Where it stands, not inside a sequence; infinite for nowhere. */
  #next(text: string, from: number, styled: boolean): number {
    let at = text.indexOf(this.text, from);
    while (styled && at >= 0 && isInSequence(text, at)) at = text.indexOf(this.text, at + 1);
    return at < 0 ? Number.POSITIVE_INFINITY : at;
  }

  /** Positions in lines that hold it around a sequence; null when there are many to look at. */
  #broken(text: string): number[] | null {
    const found: number[] = [];
    let looks = 0;
    let next = 0;
    for (let at = text.indexOf("\x1b"); at >= 0; at = text.indexOf("\x1b", next)) {
      next = afterSequences(text, at);
      if (this.#pairs[pairOf(text, at - 1, next)] !== 1) continue;
      if (++looks > CLOSE_LOOKS) return null;
      const end = endOfLine(text, next);
      const line = text.slice(text.lastIndexOf("\n", at) + 1, end);
      if (line.replace(SEQUENCES, "").includes(this.text)) found.push(at);
      next = end;
    }
    return found;
  }
}

function pairOf(text: string, first: number, second: number): number {
  return (text.charCodeAt(first) * 128 + text.charCodeAt(second)) & (PAIRS - 1);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Position behind the sequences that begin at `at`, one after the other. */
function afterSequences(text: string, at: number): number {
  let next = at;
  for (;;) {
    const code = text.charCodeAt(next);
    if (code === 0x0d) next++;
    else if (code !== ESC) return next;
    else {
      next += 2;
      while (isParameter(text.charCodeAt(next))) next++;
      next++;
    }
  }
}

function isInSequence(text: string, at: number): boolean {
  let from = at;
  while (isParameter(text.charCodeAt(from - 1))) from--;
  if (text.charCodeAt(at) === BRACKET && text.charCodeAt(at - 1) === ESC) return true;
  return text.charCodeAt(from - 1) === BRACKET && text.charCodeAt(from - 2) === ESC;
}

function isParameter(code: number): boolean {
  return code >= 0x30 && code < 0x3c;
}
