// What the search box asks for: plain text or a regular expression, with or without case.

import { type Pattern, pattern } from "../filter/pattern.ts";

export interface QueryOptions {
  regex: boolean;
  matchCase: boolean;
}

/** A line is looked at up to here; a pattern sees less of it, the more it could make of it. */
const CHARS = 1_048_576;
/** A pattern marks places in this much of a line: less of it where many repetitions multiply. */
const PLACE_CHARS = 2048;
const FEW_PLACE_CHARS = 200;
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
    if (this.needle === null) return this.#pattern.test(line);
    const text = line.slice(0, CHARS);
    return (this.options.matchCase ? text : text.toLowerCase()).includes(this.needle);
  }

  get #room(): number {
    const repetitions = this.text.match(/[*+}]/g)?.length ?? 0;
    return repetitions > 2 ? FEW_PLACE_CHARS : PLACE_CHARS;
  }

  /** Where it is found in a line: pairs of start and end, not empty. */
  places(line: string): [number, number][] {
    const { expression } = this.#pattern;
    const text = line.slice(0, this.needle === null ? this.#room : CHARS);
    const found: [number, number][] = [];
    expression.lastIndex = 0;
    for (let match = expression.exec(text); match; match = expression.exec(text)) {
      if (match[0].length > 0) found.push([match.index, match.index + match[0].length]);
      else expression.lastIndex++;
      if (found.length === MARKS) break;
    }
    return found;
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
