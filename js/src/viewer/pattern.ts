// Regular expressions written by a user and run on hostile text.
//
// A running pattern cannot be stopped, so what could run for ever is refused before, and the
// text it sees is cut: shorter, the more ways the pattern has to divide it.

const CUTS = [16384, 16384, 16384, 2048] as const;
const CUT_MANY = 512;

export interface Pattern {
  test(text: string): boolean;
  /** The underlying expression, global, for marking what was found. */
  expression: RegExp;
}

/** Compile, or throw an Error whose message is for the user. */
export function pattern(source: string, flags: string): Pattern {
  if (nestsRepetition(source)) {
    throw new Error("a repetition inside a repetition could run for ever: write it without");
  }
  const kept = [...new Set(flags)].filter((flag) => "ismu".includes(flag)).join("");
  const expression = compile(source, kept);
  const cut = CUTS[openRepetitions(source)] ?? CUT_MANY;
  return {
    test: (text) => expression.test(text.length > cut ? text.slice(0, cut) : text),
    expression: compile(source, `${kept}g`),
  };
}

function compile(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new Error(String((error as Error).message).replace(/^Invalid regular expression: /, ""));
  }
}

/** `(a+)+`, `(a*b?)*`, `(a|b+){2,}`: a group that repeats without end and holds one that does. */
export function nestsRepetition(source: string): boolean {
  const open: boolean[] = [false];
  for (const token of tokens(source)) {
    if (token === "(") open.push(false);
    else if (token.startsWith(")")) {
      const inner = open.pop() ?? false;
      const repeats = isOpenRepetition(token.slice(1));
      if (inner && repeats) return true;
      if (inner || repeats) open[open.length - 1] = true;
    } else if (isOpenRepetition(token)) open[open.length - 1] = true;
  }
  return false;
}

function openRepetitions(source: string): number {
  return tokens(source).filter((token) => isOpenRepetition(token.replace(/^\)/, ""))).length;
}

function isOpenRepetition(token: string): boolean {
  return token === "*" || token === "+" || /^\{\d+,\}$/.test(token);
}

/** Only what matters here: parentheses (a closing one with its repetition) and repetitions. */
function tokens(source: string): string[] {
  const plain = source.replace(/\\./gs, "x").replace(/\[[^\]]*\]/g, "x");
  return plain.match(/\)(?:[*+]|\{\d+,\})?|\(|[*+]|\{\d+,\}/g) ?? [];
}
