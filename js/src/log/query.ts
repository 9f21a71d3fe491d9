// What the search box asks for: plain text or a regular expression, with or without case.

import { type Pattern, pattern } from "../filter/pattern.ts";

export interface QueryOptions {
  regex: boolean;
  matchCase: boolean;
}

/** A line is looked at up to here. */
const CHARS = 1_048_576;
/** A pattern marks places in this much of a line: the time grows with the square of it. */
const PLACE_CHARS = 2048;
/** Places marked within one line. */
const MARKS = 500;

export class QueryError extends Error {}

export class Query {
  readonly #pattern: Pattern;
  /** The plain text to find, in the case it is compared in; null for a pattern. */
  readonly needle: string | null;

  /** Throws QueryError with words for the user when the pattern cannot be used. */
  constructor(
    readonly text: string,
    readonly options: QueryOptions,
  ) {
    this.needle = options.regex ? null : options.matchCase ? text : text.toLowerCase();
    this.#pattern = compile(text, options);
  }

  test(line: string): boolean {
    if (this.needle === null) return this.#pattern.finder.test(line);
    const text = line.slice(0, CHARS);
    return (this.options.matchCase ? text : text.toLowerCase()).includes(this.needle);
  }

  /** Where it is found in a line: pairs of start and end, not empty. */
  places(line: string): [number, number][] {
    return this.#pattern.places(line.slice(0, this.needle === null ? PLACE_CHARS : CHARS), MARKS);
  }
}

function compile(text: string, { regex, matchCase }: QueryOptions): Pattern {
  const flags = matchCase ? "" : "i";
  try {
    return pattern(regex ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), flags);
  } catch (error) {
    throw new QueryError((error as Error).message);
  }
}
