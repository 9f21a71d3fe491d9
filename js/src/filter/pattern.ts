// Regular expressions written by a user and run on untrusted text, in linear time.
//
// A backtracking engine may run for ever on a text from elsewhere, and cannot be
// stopped. So patterns become automata, but for those that it answers in linear time. Nothing is
// cut or given up, and the answer depends on nothing but pattern and text.
//
// `axon_notebook/filtering/pattern.py` is this file in Python; `docs/filters.md` says what a
// pattern can be, and `tests/filtering/test_same_in_page.py` compares both.

import { Automaton } from "./automaton.ts";
import type { Finder, Native } from "./native.ts";
import { type Node, Parser } from "./pattern-syntax.ts";

export interface Pattern {
  /** Whether it is found anywhere in a text. */
  finder: Finder;
  /** Where it is found: pairs of start and end, the longest from each start, not empty. */
  places(text: string, most: number): [number, number][];
}

/**
 * Compile, or throw an Error whose message is for the user.
 *
 * `native` answers what it can faster than an automaton does: for many texts in a row.
 */
export function pattern(source: string, flags: string, native?: Native): Pattern {
  const node = new Parser(source, flags).parse();
  const found = new Automaton(node, flags, false);
  let anchored: Automaton | null = null;
  const literals = needed(node).map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  // Most texts lack what the pattern needs, and the browser searches for that much faster.
  const may = new RegExp(literals.join("|"), flags.includes("i") ? "i" : "");
  const slow = { test: (text: string) => may.test(text) && found.test(text) };
  return {
    finder: native?.(node, flags, (set, code) => found.matches(set, code), slow) ?? slow,
    places: (text, most) => {
      anchored ??= new Automaton(node, flags, true);
      return anchored.places(text, most);
    },
  };
}

/** Texts of which every match contains one; none if there is no such set. */
function needed(node: Node): string[] {
  if (typeof node === "string") return [];
  if ("ranges" in node) return node.single === undefined ? [] : [String.fromCodePoint(node.single)];
  if ("inner" in node) return node.least > 0 ? needed(node.inner) : [];
  if ("branches" in node) {
    const found = node.branches.map(needed);
    return found.every((texts) => texts.length > 0) ? found.flat() : [];
  }
  let best: string[] = [];
  const shortest = (texts: string[]) => Math.min(...texts.map((text) => text.length));
  const offer = (texts: string[]) => {
    if (texts.length > 0 && (best.length === 0 || shortest(texts) > shortest(best))) best = texts;
  };
  let run = "";
  for (const part of [...node, "end"]) {
    const literal = typeof part === "object" && "ranges" in part ? needed(part) : [];
    run += literal.join("");
    if (literal.length > 0) continue;
    offer(run === "" ? [] : [run]);
    offer(needed(part));
    run = "";
  }
  return best;
}
