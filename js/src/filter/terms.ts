// Editing a filter from buttons: the text in the box stays the one truth.

import { split } from "./filter.ts";

export function hasTerm(text: string, term: string): boolean {
  return split(text).includes(term);
}

export function withTerm(text: string, term: string): string {
  return hasTerm(text, term) ? text : [...split(text), term].join(" ");
}

export function withoutTerm(text: string, term: string): string {
  return split(text)
    .filter((word) => word !== term)
    .join(" ");
}

export type FacetKey = "type" | "kind" | "axon" | "source" | "origin";

/** Which names of a facet are asked for (`type:a,b`) or left out (`-type:c`). */
export function facetState(text: string, key: FacetKey): { only: Set<string>; not: Set<string> } {
  const only = new Set<string>();
  const not = new Set<string>();
  for (const word of split(text)) {
    const negated = word.startsWith(`-${key}:`);
    if (!negated && !word.startsWith(`${key}:`)) continue;
    for (const name of names(word)) (negated ? not : only).add(name);
  }
  return { only, not };
}

/** Ask for a name, leave it out, or neither. */
export function setFacet(
  text: string,
  key: FacetKey,
  name: string,
  want: "only" | "not" | "any",
): string {
  const { only, not } = facetState(text, key);
  only.delete(name);
  not.delete(name);
  if (want === "only") only.add(name);
  if (want === "not") not.add(name);
  const rest = split(text).filter(
    (word) => !word.startsWith(`${key}:`) && !word.startsWith(`-${key}:`),
  );
  if (only.size > 0) rest.push(`${key}:${joined(only)}`);
  if (not.size > 0) rest.push(`-${key}:${joined(not)}`);
  return rest.join(" ");
}

function joined(names: ReadonlySet<string>): string {
  const text = [...names].join(",");
  return /[\s"]/.test(text) ? `"${text.replace(/[\\"]/g, "\\$&")}"` : text;
}

function names(word: string): string[] {
  const value = word.slice(word.indexOf(":") + 1);
  const plain = value.startsWith('"') ? value.slice(1, -1).replace(/\\(["\\])/g, "$1") : value;
  return plain.split(",").filter(Boolean);
}
