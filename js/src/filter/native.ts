// Patterns that the browser's own engine answers in linear time, several times as fast as an
// automaton: what has no repetition without a limit, or one that can begin in one way only.
//
// An expression says every set of characters in full, so that it means what the automaton means.

import { type CharacterSet, type Node, others, type Ranges } from "./pattern-syntax.ts";

/** Ways to match from one place; each may be tried at every place of a text. */
const MOST_WAYS = 100;
const LAST = 0x10ffff;
/** Halves of characters that take two code units: the automaton reads those as one. */
const FAR = /[\ud800-\udfff]/;

/** Tells whether something is found in a text. */
export interface Finder {
  test(text: string): boolean;
}

/**
 * Returns what finds a pattern; null where only an automaton can.
 *
 * `matches` decides for one character, case included; `otherwise` answers for single texts.
 */
export type Native = (
  node: Node,
  flags: string,
  matches: (set: CharacterSet, code: number) => boolean,
  otherwise: Finder,
) => Finder | null;

export const native: Native = (node, flags, matches, otherwise) => {
  const builder = new Builder(flags, matches);
  const [pieces, lines] = split(flat(node));
  if (pieces.some((piece) => !builder.isLinear(piece))) return null;
  const far = pieces.some((piece) => piece.some((part) => builder.isFar(part)));
  const last = pieces.pop()!;
  if (pieces.length === 0 && !far) return builder.expression(last);
  // What is looked for from behind might begin within the piece before it.
  if (pieces.some((piece, i) => !endsFirst(piece) && (i > 0 || piece.some(isRun)))) return null;
  const expressions = [
    ...pieces.map((piece) => builder.expression(piece, "g", !endsFirst(piece))),
    builder.expression(last, "g"),
  ];
  const test = (text: string) => {
    if ((lines && text.includes("\n")) || (far && FAR.test(text))) return otherwise.test(text);
    let at = 0;
    for (const expression of expressions) {
      expression.lastIndex = at;
      if (!expression.test(text)) return false;
      at = expression.lastIndex;
    }
    return true;
  };
  return { test };
};

/** The pattern at each "any text", and whether one of those stays within a line. */
function split(parts: Node[]): [Node[][], boolean] {
  const pieces: Node[][] = [[]];
  let lines = false;
  for (const part of parts) {
    if (!isRun(part) || !isAny(part.inner)) pieces.at(-1)!.push(part);
    else {
      pieces.at(-1)!.push(...Array<Node>(part.least).fill(part.inner));
      pieces.push([]);
      lines ||= part.inner.ranges.length > 0;
    }
  }
  return [pieces.map(ends), lines];
}

interface Run {
  inner: CharacterSet;
  least: number;
  most: null;
}

class Builder {
  constructor(
    private readonly flags: string,
    private readonly matches: (set: CharacterSet, code: number) => boolean,
  ) {}

  expression(piece: Node[], flags = "", behind = false): RegExp {
    const source = this.#source(piece);
    return new RegExp(behind ? `(?<=${source})` : source, flags);
  }

  /** Whether its runs begin in one way only, and the rest matches in few ways. */
  isLinear(piece: Node[]): boolean {
    let many = 1;
    const runs = piece.filter(isRun);
    for (const [i, part] of piece.entries()) {
      if (!isRun(part)) many *= this.#ways(part);
      else if (!this.#apart(part, piece[i - 1])) return false;
      else if (part !== runs.at(-1) && !this.#apart(part, piece[i + 1])) return false;
    }
    return many <= MOST_WAYS && runs.every(({ inner }) => this.#explicit(inner) !== null);
  }

  /** Whether a run has no character in common with what stands next to it. */
  #apart({ inner }: Run, next: Node | undefined): boolean {
    if (next === undefined || typeof next !== "object") return false;
    const set = isRun(next) && next.least > 0 ? next.inner : next;
    if (!("ranges" in set)) return false;
    const [ours, theirs] = [this.#explicit(inner), this.#explicit(set)];
    if (!ours || !theirs) return false;
    return !ours.some(([low, high]) => theirs.some(([from, to]) => from <= high && low <= to));
  }

  #ways(node: Node): number {
    if (typeof node === "string") return 1;
    if ("ranges" in node) return this.#explicit(node) ? 1 : Number.POSITIVE_INFINITY;
    if (Array.isArray(node)) return node.reduce((all, part) => all * this.#ways(part), 1);
    if ("branches" in node) return node.branches.reduce((sum, part) => sum + this.#ways(part), 0);
    const { inner, least, most } = node;
    const ways = this.#ways(inner);
    if (most === null || ways === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return (most - least + 1) * ways ** most;
  }

  /** Whether it matters to it that some characters take two code units. */
  isFar(node: Node): boolean {
    if (typeof node === "string") return node === "B";
    if ("ranges" in node)
      return this.#explicit(node)!.some(
        ([low, high]) => high >= 0xd800 && !(low >= 0xe000 && high <= 0xffff),
      );
    // A run of them takes whole ones, because none stands next to it.
    if (isRun(node) && node.least < 2) return false;
    if ("inner" in node) return this.isFar(node.inner);
    return ("branches" in node ? node.branches : node).some((part) => this.isFar(part));
  }

  #source(node: Node): string {
    if (typeof node === "string") return this.#assertion(node);
    if ("ranges" in node) return this.#set(node);
    if (Array.isArray(node)) return node.map((part) => this.#source(part)).join("");
    if ("branches" in node)
      return `(?:${node.branches.map((part) => this.#source(part)).join("|")})`;
    const { inner, least, most } = node;
    return `(?:${this.#source(inner)}){${least},${most ?? ""}}${most === null ? "?" : ""}`;
  }

  #assertion(sign: string): string {
    if (sign === "^") return this.flags.includes("m") ? "(?<![^\\n])" : sign;
    if (sign === "$") return this.flags.includes("m") ? "(?![^\\n])" : sign;
    return `\\${sign}`;
  }

  #set(set: CharacterSet): string {
    const ranges = this.#explicit(set)!;
    if (ranges.length === 1 && ranges[0]![0] === ranges[0]![1]) return written(ranges[0]![0]);
    const near = ranges.filter(([low]) => low <= 0xffff);
    return `[${near.map(([low, high]) => `${escaped(low)}-${escaped(Math.min(high, 0xffff))}`).join("")}]`;
  }

  /** What a set holds, in full; null where case would have to be looked up. */
  #explicit(set: CharacterSet): Ranges | null {
    if (!this.flags.includes("i")) return set.negated ? others(sorted(set.ranges)) : set.ranges;
    const found: [number, number][] = [];
    const plain = { ...set, negated: false };
    for (let code = 0; code < 128; code++) if (this.matches(plain, code)) found.push([code, code]);
    for (const [low, high] of set.ranges) {
      if (high < 128) continue;
      if (!(low < 128 && high === LAST) && !isCaseless(low, high)) return null;
      found.push([Math.max(low, 128), high]);
    }
    return set.negated ? others(sorted(found)) : found;
  }
}

/** The browser searches plain characters faster than escaped ones. */
function written(code: number): string {
  const char = String.fromCodePoint(code);
  return /[\w "':;,@#=<>&%~-]/.test(char) ? char : escaped(code);
}

function escaped(code: number): string {
  const units = String.fromCodePoint(code).split("");
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

/** Ranges in order, those that touch joined. */
function sorted(ranges: Ranges): Ranges {
  const found: [number, number][] = [];
  for (const [low, high] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = found.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else found.push([low, high]);
  }
  return found;
}

/** Blanks and punctuation; letters, marks and signs may have another case. */
function isCaseless(low: number, high: number): boolean {
  for (let code = low; code <= high; code++)
    if (code - low > 99 || !/[\s\p{P}]/u.test(String.fromCodePoint(code))) return false;
  return true;
}

function flat(node: Node): Node[] {
  return Array.isArray(node) ? node.flatMap(flat) : [node];
}

/** At both ends no more than the least of a repetition decides whether there is a find. */
function ends(parts: Node[]): Node[] {
  const shorten = (list: Node[], from: 0 | -1) => {
    for (let part = list.at(from); part && isRepeated(part); part = list.at(from)) {
      const least = Array<Node>(part.least).fill(part.inner);
      list.splice(from, 1, ...least);
      if (part.least > 0) break;
    }
  };
  const list = [...parts];
  shorten(list, 0);
  shorten(list, -1);
  return list;
}

function isRepeated(node: Node): node is { inner: Node; least: number; most: number | null } {
  return typeof node === "object" && "inner" in node;
}

function isRun(node: Node): node is Run {
  return (
    isRepeated(node) &&
    node.most === null &&
    typeof node.inner === "object" &&
    "ranges" in node.inner
  );
}

/** Every character but a line feed, or every one at all. */
function isAny({ ranges, negated }: CharacterSet): boolean {
  return negated && ranges.every(([low, high]) => low === 10 && high === 10);
}

/** Whether the first find is also the first to end; else that place is looked for from behind. */
function endsFirst(piece: Node[]): boolean {
  // A run that only assertions follow is as short as it can be, and no later find lies within it.
  const last = piece.findLastIndex((part) => typeof part !== "string");
  const part = piece[last];
  return !Number.isNaN(length(part !== undefined && isRun(part) ? piece.slice(0, last) : piece));
}

/** The characters of every match; NaN where that differs. */
function length(node: Node): number {
  if (typeof node === "string") return 0;
  if ("ranges" in node) return 1;
  if (Array.isArray(node)) return node.reduce<number>((sum, part) => sum + length(part), 0);
  if ("inner" in node)
    return node.least === node.most ? node.least * length(node.inner) : Number.NaN;
  const [first, ...rest] = node.branches.map(length);
  return rest.every((other) => other === first) ? first! : Number.NaN;
}
