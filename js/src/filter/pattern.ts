// Regular expressions written by a user and run on hostile text.
//
// A running pattern cannot be stopped. So what may take exponential time is refused, and where
// the time may grow with a high power of the length, growing prefixes are tried first: as soon as
// the next one might take too long, the text counts as not matching. `filtering/pattern.py` is this
// file in Python: a filter means the same on both sides, or is refused by both.

const CUT = 16384;
const MOST_REPETITIONS = 6;
/** Each may double the time: `a?a?a?…`, `(a|ab)(b|bc)…`. */
const MOST_CHOICES = 8;
const PATIENCE_MS = 10;
/** First prefix, by number of open repetitions: some hundred thousand steps at most. */
const FIRST = [CUT, 512, 96, 40, 24, 16, 12] as const;

export interface Pattern {
  test(text: string): boolean;
  /** Up to this length `plain` may be asked instead: many short texts are tested faster so. */
  short: number;
  plain: RegExp;
  /** The underlying expression, global, for marking what was found. */
  expression: RegExp;
}

/** Compile, or throw an Error whose message is for the user. */
export function pattern(source: string, flags: string): Pattern {
  const kept = [...new Set(flags)].filter((flag) => "ism".includes(flag)).join("");
  const expression = compile(source, kept);
  const { open, choices, nested, foreign } = shapeOf(source);
  if (foreign !== "") {
    throw new Error(
      `${foreign} does not mean the same in the page and in Python: write it without`,
    );
  }
  if (nested) {
    throw new Error(
      "a repetition around a repetition or around overlapping alternatives could run for ever",
    );
  }
  if (open > MOST_REPETITIONS) {
    throw new Error(`${open} open repetitions could run for ever: ${MOST_REPETITIONS} are allowed`);
  }
  if (choices > MOST_CHOICES) {
    throw new Error(`${choices} choices in a row could run for ever: ${MOST_CHOICES} are allowed`);
  }
  return {
    test: (text) => careful(expression, text, open),
    short: FIRST[open]!,
    plain: expression,
    expression: compile(source, `${kept}g`),
  };
}

function careful(expression: RegExp, text: string, open: number): boolean {
  const whole = text.length > CUT ? text.slice(0, CUT) : text;
  // Twice the length takes 2^(open + 1) times as long at worst.
  const patience = PATIENCE_MS / 2 ** (open + 1);
  for (let length = FIRST[open]!; ; length *= 2) {
    if (length >= whole.length) return expression.test(whole);
    const part = whole.slice(0, length);
    // Twice: the first time may have waited for something else.
    if (timed(expression, part) > patience && timed(expression, part) > patience) return false;
  }
}

function timed(expression: RegExp, text: string): number {
  const began = performance.now();
  expression.test(text);
  return performance.now() - began;
}

function compile(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new Error(String((error as Error).message).replace(/^Invalid regular expression: /, ""));
  }
}

interface Group {
  /** Something in it can match in more than one length. */
  varies: boolean;
  /** First token of each alternative. */
  heads: string[];
  atHead: boolean;
}

export interface Shape {
  /** Repetitions that may stop at many places. */
  open: number;
  /** Places with two ways to go on. */
  choices: number;
  /** Such choices multiply without end. */
  nested: boolean;
  /** The first construct that Python reads differently or not at all. */
  foreign: string;
}

/** How often a pattern may choose where to go on. `filtering/pattern.py` counts the same. */
export function shapeOf(source: string): Shape {
  const shape: Shape = { open: 0, choices: 0, nested: false, foreign: "" };
  const groups: Group[] = [group()];
  for (const [, token = "", quantifier = ""] of source.matchAll(TOKENS)) {
    const here = groups.at(-1)!;
    if (FOREIGN.test(token)) shape.foreign ||= token;
    if (token.startsWith("(")) {
      groups.push(group());
      continue;
    }
    if (token === "|") {
      here.atHead = true;
      continue;
    }
    const inner = token === ")" ? groups.pop() : undefined;
    const outer = groups.at(-1) ?? here;
    if (outer.atHead) outer.heads.push(token);
    outer.atHead = false;
    const varies = quantifier !== "" && !/^\{\d+\}/.test(quantifier);
    const forks = inner !== undefined && overlaps(inner.heads);
    if (inner && /^[*+{]/.test(quantifier) && (inner.varies || forks)) shape.nested = true;
    if (varies && !quantifier.startsWith("?")) shape.open++;
    if (forks || quantifier.startsWith("?")) shape.choices++;
    if (varies || inner?.varies) outer.varies = true;
  }
  return shape;
}

/** An opening parenthesis with its kind, a bar, or an atom (or closing one) and its quantifier. */
const TOKENS =
  /(\((?:\?(?:[:=!]|<[=!]|<\w+>|.?))?|\||\{,\d+\}|\\.|\[(?:\\.|[^\]\\])*\]|[^\\])((?:[*+?]|\{\d+(?:,\d*)?\})?\??)/gs;

/** Other groups, other escapes of letters, empty classes, half a range, a quantifier of nothing. */
const FOREIGN =
  /^(?:\(\?(?![:=!]|<[=!]|<\w+>).?|\[\^?\]|\{,\d+\}|[*+?])$|\\(?![dDwWsSbBnrtfvxu])[A-Za-z]/s;

function group(): Group {
  return { varies: false, heads: [], atHead: true };
}

/** Alternatives are told apart by their first character only if each begins with another literal. */
function overlaps(heads: readonly string[]): boolean {
  if (heads.length < 2) return false;
  return (
    new Set(heads).size < heads.length || heads.some((head) => !/^[\w\s"'=:,;<>/-]$/.test(head))
  );
}
