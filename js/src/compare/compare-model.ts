// What the kernel sends of two runs, and how it is laid out.

/** A step of one run: a turn or a tool call. */
export interface Side {
  /** JSON with line breaks, or text. */
  input: string;
  output: string;
  status: string;
  seconds: number | null;
  tokens: number | null;
  cost: number | null;
  sequence: number;
}

export interface StepPair {
  /** In words: "input changed", "only in b", "same". */
  what: string;
  /** "turn" or "tool call". */
  step: string;
  name: string;
  /** Which of input, output and status are not equal. */
  differs: string[];
  a: Side | null;
  b: Side | null;
}

/** A total of one run against that of the other. */
export interface Total {
  name: string;
  a: number;
  b: number;
}

export interface Compared {
  version: 1;
  a: string;
  b: string;
  pairs: StepPair[];
  totals: Total[];
  /** How many pairs are left out because they are too many to be shown. */
  left_out: number;
}

/** What stands below each other: a pair that differs, or a run of pairs that are the same. */
export type Item = { pair: StepPair; at: number } | { same: StepPair[] };

export const isSame = (pair: StepPair): boolean => pair.what === "same";

/** Join neighbours that are the same. */
export function itemsOf(pairs: readonly StepPair[]): Item[] {
  const items: Item[] = [];
  let at = 0;
  for (const pair of pairs) {
    const last = items.at(-1);
    if (!isSame(pair)) items.push({ pair, at: at++ });
    else if (last && "same" in last) last.same.push(pair);
    else items.push({ same: [pair] });
  }
  return items;
}

/** How many pairs there are of each kind of difference, the most frequent first. */
export function countsOf(pairs: readonly StepPair[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { what } of pairs) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}
