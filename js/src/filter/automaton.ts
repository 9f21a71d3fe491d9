// Patterns as automata: every character of a text costs one look-up, whatever the pattern. States
// are made when they are first needed.
// `axon_notebook/filtering/automaton.py` is this file in Python.

import { fold, lower } from "./letter-case.ts";
import { type CharacterSet, type Node, WORD } from "./pattern-syntax.ts";

/** Steps of a pattern when its repetitions are written out. */
const MOST_STEPS = 2000;
/** Nodes that are looked at to find them: a repetition of nothing makes no step. */
const MOST_WORK = 10 * MOST_STEPS;
const TOO_LARGE = "it has more than 2,000 steps when its repetitions are written out";
/** States that are kept; made anew beyond that. */
const MOST_STATES = 1000;
/** What stood before: w a word character, n a line feed, o another, e the edge of the text. */
type Kind = "w" | "n" | "o" | "e";

interface State {
  /** By the number of a sort of characters. */
  next: (State | undefined)[];
  places: readonly number[];
  before: Kind;
  /** The pattern was found. */
  last: boolean;
}

interface Step {
  step: CharacterSet | string | null;
  followers: readonly number[];
}

/** Characters that no step of the pattern tells apart. */
interface Sort {
  kind: Kind;
  example: number;
}

/** A pattern as steps (a character, a fork, an assertion), and the states over them. */
export class Automaton {
  readonly #steps: Step[] = [{ step: null, followers: [] }];
  #work = 0;
  readonly #sets: CharacterSet[];
  readonly #first: number;
  readonly #sorts: Sort[] = [];
  readonly #sortOf = new Map<string, number>();
  readonly #ascii = new Int32Array(128).fill(-1);
  readonly #far = new Map<number, number>();
  readonly #states = new Map<string, State>();
  readonly #found: State = { next: [], places: [], before: "e", last: true };

  constructor(
    node: Node,
    readonly flags: string,
    readonly anchored: boolean,
  ) {
    this.#first = this.#add(node, 0);
    this.#sets = this.#steps.flatMap(({ step }) =>
      step !== null && typeof step === "object" ? [step] : [],
    );
  }

  test(text: string): boolean {
    const ascii = this.#ascii;
    let state = this.#state([], "e");
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00) {
        code = text.codePointAt(i)!;
        if (code > 0xffff) i++;
      }
      let sort = code < 128 ? ascii[code]! : -1;
      if (sort < 0) sort = this.#sort(code);
      state = state.next[sort] ?? this.#following(state, sort);
      if (state.last) return true;
    }
    return this.#reached(state, "e") === null;
  }

  places(text: string, most: number): [number, number][] {
    const places: [number, number][] = [];
    for (let start = 0; start < text.length && places.length < most; ) {
      const end = this.#end(text, start);
      if (end > start) places.push([start, end]);
      start = end > start ? end : start + String.fromCodePoint(text.codePointAt(start)!).length;
    }
    return places;
  }

  /** The end of the longest find that starts here; the start itself if there is none. */
  #end(text: string, start: number): number {
    const before = start === 0 ? "e" : kindOf(text.charCodeAt(start - 1));
    let state = this.#state([this.#first], before);
    let end = start;
    for (let i = start; ; ) {
      const code = i < text.length ? text.codePointAt(i)! : -1;
      if (this.#reached(state, code < 0 ? "e" : kindOf(code)) === null) end = i;
      if (code < 0) return end;
      const sort = this.#sort(code);
      state = state.next[sort] ?? this.#following(state, sort);
      if (state.places.length === 0) return end;
      i += code > 0xffff ? 2 : 1;
    }
  }

  #sort(code: number): number {
    const known = code < 128 ? this.#ascii[code]! : (this.#far.get(code) ?? -1);
    if (known >= 0) return known;
    const kind = kindOf(code);
    const key = kind + this.#sets.map((set) => (this.matches(set, code) ? 1 : 0)).join("");
    let sort = this.#sortOf.get(key);
    if (sort === undefined) {
      sort = this.#sorts.push({ kind, example: code }) - 1;
      this.#sortOf.set(key, sort);
    }
    if (code < 128) this.#ascii[code] = sort;
    else this.#far.set(code, sort);
    return sort;
  }

  #following(state: State, number: number): State {
    const { kind, example } = this.#sorts[number]!;
    const steps = this.#reached(state, kind);
    let found = this.#found;
    if (steps !== null || this.anchored) {
      const places = new Set<number>();
      for (const { step, followers } of steps ?? this.#reached(state, kind, true)!) {
        if (!this.matches(step as CharacterSet, example)) continue;
        for (const follower of followers) places.add(follower);
      }
      found = this.#state(
        [...places].sort((a, b) => a - b),
        kind,
      );
    }
    state.next[number] = found;
    return found;
  }

  #state(places: readonly number[], before: Kind): State {
    const key = before + places.join();
    let state = this.#states.get(key);
    if (!state) {
      if (this.#states.size >= MOST_STATES) this.#states.clear();
      state = { next: [], places, before, last: false };
      this.#states.set(key, state);
    }
    return state;
  }

  /** The character steps that forks and assertions lead to; null: the end, unless `past` it. */
  #reached(state: State, after: Kind, past = false): Step[] | null {
    const left = this.anchored ? [...state.places] : [this.#first, ...state.places];
    const seen = new Set(left);
    const found: Step[] = [];
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      if (place === 0 && !past) return null;
      const step = this.#steps[place]!;
      if (typeof step.step === "object" && step.step !== null) found.push(step);
      else if (step.step === null || this.#holds(step.step, state.before, after)) {
        for (const follower of step.followers) {
          if (!seen.has(follower)) left.push(follower);
          seen.add(follower);
        }
      }
    }
    return found;
  }

  #holds(assertion: string, before: Kind, after: Kind): boolean {
    if (assertion === "b" || assertion === "B")
      return ((before === "w") !== (after === "w")) === (assertion === "b");
    const edge = assertion === "^" ? before : after;
    return edge === "e" || (edge === "n" && this.flags.includes("m"));
  }

  /** Whether a set holds a character, case included. */
  matches({ ranges, negated }: CharacterSet, code: number): boolean {
    const codes = [code];
    if (this.flags.includes("i")) codes.push(fold(code), lower(fold(code)));
    const inside = ranges.some(([low, high]) => codes.some((one) => low <= one && one <= high));
    return inside !== negated;
  }

  /** Add the steps of a node in front of the step `after`; the first of them. */
  #add(node: Node, after: number): number {
    if (++this.#work > MOST_WORK) throw new Error(TOO_LARGE);
    if (typeof node === "string" || "ranges" in node) return this.#step(node, [after]);
    if (Array.isArray(node))
      return node.reduceRight<number>((at, part) => this.#add(part, at), after);
    if ("branches" in node)
      return this.#step(
        null,
        node.branches.map((branch) => this.#add(branch, after)),
      );
    const { inner, least, most } = node;
    let at = after;
    if (most === null) {
      at = this.#step(null, []);
      this.#steps[at] = { step: null, followers: [this.#add(inner, at), after] };
    }
    for (let i = least; i < (most ?? least); i++) at = this.#step(null, [this.#add(inner, at), at]);
    for (let i = 0; i < least; i++) at = this.#add(inner, at);
    return at;
  }

  #step(step: CharacterSet | string | null, followers: readonly number[]): number {
    if (this.#steps.length > MOST_STEPS) throw new Error(TOO_LARGE);
    return this.#steps.push({ step, followers }) - 1;
  }
}

function kindOf(code: number): Kind {
  if (code === 10) return "n";
  return WORD.some(([low, high]) => low <= code && code <= high) ? "w" : "o";
}
