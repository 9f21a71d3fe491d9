// What the search box asks for: plain text or a regular expression, with or without case.

export interface QueryOptions {
  regex: boolean;
  matchCase: boolean;
}

/** A pattern sees this many characters of a line, plain text this many. */
export const REGEX_CHARS = 16_384;
export const PLAIN_CHARS = 1_048_576;
/** Places marked within one line. */
const MARKS = 500;

export class QueryError extends Error {}

export class Query {
  readonly #pattern: RegExp;
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
    if (this.needle === null) return this.#first(line.slice(0, REGEX_CHARS));
    const text = line.slice(0, PLAIN_CHARS);
    return (this.options.matchCase ? text : text.toLowerCase()).includes(this.needle);
  }

  /** Where it is found in a line: pairs of start and end, not empty. */
  places(line: string): [number, number][] {
    const text = line.slice(0, this.needle === null ? REGEX_CHARS : PLAIN_CHARS);
    const found: [number, number][] = [];
    this.#pattern.lastIndex = 0;
    for (let match = this.#pattern.exec(text); match; match = this.#pattern.exec(text)) {
      if (match[0].length > 0) found.push([match.index, match.index + match[0].length]);
      else this.#pattern.lastIndex++;
      if (found.length === MARKS) break;
    }
    return found;
  }

  #first(text: string): boolean {
    this.#pattern.lastIndex = 0;
    return this.#pattern.test(text);
  }
}

function compile(text: string, { regex, matchCase }: QueryOptions): RegExp {
  const flags = matchCase ? "g" : "gi";
  if (!regex) return new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), flags);
  let pattern: RegExp;
  try {
    pattern = new RegExp(text, flags);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, "");
    throw new QueryError(`${reason}. Correct the pattern, or switch .* off.`);
  }
  if (repeatsRepeats(text)) {
    throw new QueryError(
      "A repeated group with a repeat or a choice in it can take for ever; write it without one.",
    );
  }
  return pattern;
}

/**
 * Whether a group that is repeated without bound holds another such repeat or a choice, like `(a+)+`
 * or `(a|a)*`: the shapes whose time grows exponentially with the line.
 */
export function repeatsRepeats(source: string): boolean {
  const stack: boolean[] = [];
  let risky = false;
  for (let at = 0; at < source.length; at++) {
    const character = source[at]!;
    if (character === "\\") at++;
    else if (character === "[") at = endOfClass(source, at);
    else if (character === "(") {
      stack.push(risky);
      risky = false;
    } else if (character === ")") {
      const repeated = isUnbounded(source, at + 1);
      if (repeated && risky) return true;
      risky = risky || repeated || (stack.pop() ?? false);
    } else if (character === "|") risky = risky || stack.length > 0;
    else if (isUnbounded(source, at)) risky = true;
  }
  return false;
}

function endOfClass(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== "]") at += source[at] === "\\" ? 2 : 1;
  return at;
}

function isUnbounded(source: string, at: number): boolean {
  return source[at] === "*" || source[at] === "+" || /^\{\d+,\}/.test(source.slice(at, at + 12));
}
