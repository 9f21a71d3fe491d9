// The syntax of patterns: from their text to a tree. docs/filters.md describes it.
// `axon_notebook/filtering/pattern_syntax.py` is this file in Python.

import { fold } from "./letter-case.ts";

const LAST = 0x10ffff;

export type Ranges = readonly (readonly [number, number])[];

/** One character out of ranges of code points, or out of all others. */
export interface CharacterSet {
  ranges: Ranges;
  negated: boolean;
  /** The one character it stands for. */
  single?: number;
}

export type Node =
  | CharacterSet
  | { inner: Node; least: number; most: number | null }
  | { branches: Node[] }
  | string // an assertion
  | Node[]; // one after the other

/** All characters but these; the ranges are in order and do not overlap. */
export function others(ranges: Ranges): Ranges {
  const edges = [-1, ...ranges.flat(), LAST + 1];
  const found: [number, number][] = [];
  for (let i = 0; i < edges.length; i += 2)
    if (edges[i]! + 1 < edges[i + 1]!) found.push([edges[i]! + 1, edges[i + 1]! - 1]);
  return found;
}

const DIGIT: Ranges = [[48, 57]];
export const WORD: Ranges = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
const SPACE: Ranges = [
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const CLASSES = new Map<string, Ranges>(
  Object.entries({
    d: DIGIT,
    w: WORD,
    s: SPACE,
    D: others(DIGIT),
    W: others(WORD),
    S: others(SPACE),
  }),
);
const CONTROLS = new Map(Object.entries({ n: 10, r: 13, t: 9, f: 12, v: 11 }));
const NUMBERED = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]{1,6})\}|(0)(?!\d)/y;
const QUANTIFIER = /([*+?]|\{(\d{1,4})(,(\d{0,4}))?\})\??/y;
const GROUP = /\((?:\?:|\?<[A-Za-z_]\w*>|(?!\?))/y;

/** Reads a pattern from left to right. */
export class Parser {
  #at = 0;
  #depth = 0;

  constructor(
    readonly source: string,
    readonly flags: string,
  ) {}

  parse(): Node {
    const node = this.#either();
    if (this.#at < this.source.length) throw new Error(") without a (");
    return node;
  }

  #either(): Node {
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    return branches.length === 1 ? branches[0]! : { branches };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.source.length && !"|)".includes(this.source[this.#at]!))
      nodes.push(this.#repeated(this.#atom()));
    return nodes;
  }

  #repeated(node: Node): Node {
    const found = this.#match(QUANTIFIER);
    if (!found) return node;
    if (typeof node === "string") throw new Error(`${found[0]} repeats nothing`);
    this.#at += found[0].length;
    if (found[2] === undefined)
      return { inner: node, least: found[1] === "+" ? 1 : 0, most: found[1] === "?" ? 1 : null };
    const least = Number(found[2]);
    const most = found[3] === undefined ? least : found[4] ? Number(found[4]) : null;
    if (most !== null && most < least) throw new Error(`${found[1]} counts backwards`);
    return { inner: node, least, most };
  }

  #atom(): Node {
    if (this.#match(QUANTIFIER)) throw new Error(`${this.source[this.#at]} repeats nothing`);
    const char = this.#next();
    if (char === "(") return this.#group();
    if (char === "[") return this.#set();
    if (char === "\\") return this.#escape();
    if (char === "^" || char === "$") return char;
    if (char === ".") return { ranges: this.flags.includes("s") ? [] : [[10, 10]], negated: true };
    return this.#one(char.codePointAt(0)!);
  }

  #one(code: number): Node {
    const ranges: [number, number][] = [[code, code]];
    const folded = fold(code);
    if (this.flags.includes("i")) ranges.push([folded, folded]);
    return { ranges, negated: false, single: code };
  }

  #group(): Node {
    this.#at--;
    const found = this.#match(GROUP);
    if (!found) {
      const kind = /^\?<?.?/su.exec(this.source.slice(this.#at + 1));
      throw new Error(`(${kind?.[0] ?? ""} cannot be used in a filter`);
    }
    this.#at += found[0].length;
    if (++this.#depth > 50) throw new Error("its groups are nested too deeply");
    const node = this.#either();
    this.#depth--;
    if (!this.#take(")")) throw new Error("( without a )");
    return [node];
  }

  #escape(): Node {
    const char = this.source[this.#at] ?? "";
    const named = CLASSES.get(char);
    if (char !== "b" && char !== "B" && !named) return this.#one(this.#escapedCode());
    this.#at++;
    return named ? { ranges: named, negated: false } : char;
  }

  /** Read what follows a backslash, as one character. */
  #escapedCode(): number {
    const found = this.#match(NUMBERED);
    if (found) {
      this.#at += found[0].length;
      const code = Number.parseInt(found[1] ?? found[2] ?? found[3] ?? found[4]!, 16);
      if (code > LAST || (code >= 0xd800 && code <= 0xdfff))
        throw new Error(`\\${found[0]} is not a character`);
      return code;
    }
    if (this.#at === this.source.length) throw new Error("\\ at the end");
    const char = this.#next();
    const control = CONTROLS.get(char);
    if (control !== undefined) return control;
    if (/^[\dA-Za-z]/.test(char)) throw new Error(`\\${char} cannot be used in a filter`);
    return char.codePointAt(0)!;
  }

  #set(): Node {
    const negated = this.#take("^");
    if (this.source[this.#at] === "]")
      throw new Error("[] holds nothing: write \\] for the bracket");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const low = this.#member();
      const dash = this.source[this.#at] === "-" && this.source[this.#at + 1] !== "]";
      if (typeof low !== "number") ranges.push(...low);
      else if (dash) ranges.push(...this.#range(low));
      else ranges.push([low, low]);
    }
    return { ranges, negated };
  }

  #range(low: number): Ranges {
    this.#at++;
    const high = this.#member();
    if (typeof high !== "number") return [[low, low], [45, 45], ...high];
    if (high < low) {
      const [from, to] = [String.fromCodePoint(low), String.fromCodePoint(high)];
      throw new Error(`${from}-${to} in [] counts backwards`);
    }
    return [[low, high]];
  }

  /** Read one character or class within brackets. */
  #member(): number | Ranges {
    if (this.#at === this.source.length) throw new Error("[ without a ]");
    const char = this.#next();
    if (char !== "\\") return char.codePointAt(0)!;
    const named = CLASSES.get(this.source[this.#at] ?? "");
    if (named) this.#at++;
    return named ?? (this.#take("b") ? 8 : this.#escapedCode());
  }

  #next(): string {
    const char = String.fromCodePoint(this.source.codePointAt(this.#at)!);
    this.#at += char.length;
    return char;
  }

  #take(char: string): boolean {
    const found = this.source[this.#at] === char;
    if (found) this.#at++;
    return found;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    return expression.exec(this.source);
  }
}
