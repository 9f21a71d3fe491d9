// Regular expressions written by a user and run on hostile text.
//
// A running pattern cannot be stopped. So what may take exponential time is refused, and where
// the time may grow with a high power of the length, growing prefixes are tried first: as soon as
// the next one might take too long, the text counts as not matching.

const CUT = 16384;
const MOST_REPETITIONS = 6;
const PATIENCE_MS = 30;
/** First prefix, by number of open repetitions: at most some ten million steps. */
const FIRST = [CUT, CUT, 512, 128, 64, 32, 32] as const;

export interface Pattern {
  test(text: string): boolean;
  /** The underlying expression, global, for marking what was found. */
  expression: RegExp;
}

/** Compile, or throw an Error whose message is for the user. */
export function pattern(source: string, flags: string): Pattern {
  const kept = [...new Set(flags)].filter((flag) => "ismu".includes(flag)).join("");
  const expression = compile(source, kept);
  const shape = shapeOf(source);
  if (shape.nested) {
    throw new Error(
      "a repetition around a repetition or around overlapping alternatives could run for ever",
    );
  }
  if (shape.open > MOST_REPETITIONS) {
    throw new Error(
      `${shape.open} open repetitions could run for ever: ${MOST_REPETITIONS} are allowed`,
    );
  }
  return {
    test: (text) => careful(expression, text, shape.open),
    expression: compile(source, `${kept}g`),
  };
}

function careful(expression: RegExp, text: string, open: number): boolean {
  const whole = text.length > CUT ? text.slice(0, CUT) : text;
  for (let length = FIRST[open]!; ; length *= 2) {
    if (length >= whole.length) return expression.test(whole);
    const began = performance.now();
    expression.test(whole.slice(0, length));
    // Twice the length takes 2^(open + 1) times as long at worst.
    if ((performance.now() - began) * 2 ** (open + 1) > PATIENCE_MS) return false;
  }
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

/** How often a pattern may choose where to stop, and whether such choices multiply. */
export function shapeOf(source: string): { open: number; nested: boolean } {
  let open = 0;
  let nested = false;
  const groups: Group[] = [group()];
  for (const [, token = "", quantifier = ""] of source.matchAll(TOKENS)) {
    const here = groups.at(-1)!;
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
    const unbounded = /^(?:[*+]|\{\d+,\})/.test(quantifier);
    const repeats = unbounded || /^\{/.test(quantifier);
    if (inner && repeats && (inner.varies || overlaps(inner.heads))) nested = true;
    if (unbounded) open++;
    if ((quantifier !== "" && !/^\{\d+\}/.test(quantifier)) || inner?.varies) outer.varies = true;
  }
  return { open, nested };
}

/** An opening parenthesis with its kind, a bar, or an atom (or closing one) and its quantifier. */
const TOKENS =
  /(\((?:\?(?:[:=!]|<[=!]|<\w+>))?|\||\\.|\[(?:\\.|[^\]\\])*\]|[^\\])((?:[*+?]|\{\d+(?:,\d*)?\})?\??)/gs;

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
