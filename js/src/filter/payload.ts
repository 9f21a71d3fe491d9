// Fields of a JSON payload, as a filter sees them: numbers keep the digits they were written with.
// `axon_notebook/filtering/payload.py` is this file in Python.

import { ExactNumber } from "../base/json.ts";

/** Arrays and objects within each other; a payload with more of them has no fields. */
const MOST_DEPTH = 500;
const VALID = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?)0*(\d+))?$/;
/** Numbers that JavaScript writes differently, or cannot hold. */
const INEXACT = /\d{16}|\d[.eE]|-0/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/**
 * All values under a path; of an array the items as well as the array itself. `*` stands for every
 * item or field, and an array without an index for all its items. A leading `payload` may be left
 * out, unless there is a field of that name.
 */
export function fields(payload: string, keys: readonly string[]): unknown[] {
  // Parsing takes long, and a payload without the key cannot have the field, unless it is escaped.
  const last = keys.at(-1)!;
  if (!/^(?:\d+|\*|payload)$/.test(last) && !payload.includes(last) && !payload.includes("\\"))
    return [];
  const root = parsed(payload);
  const found = values(root, keys);
  return found.length === 0 && keys[0] === "payload" ? values(root, keys.slice(1)) : found;
}

let lastPayload = "";
let lastParsed: unknown;

/** The last payload is kept: several terms of one filter ask for the same. */
function parsed(payload: string): unknown {
  if (payload === lastPayload) return lastParsed;
  lastPayload = payload;
  try {
    lastParsed = tooDeep(payload) ? undefined : parse(payload);
  } catch {
    lastParsed = undefined;
  }
  return lastParsed;
}

function parse(payload: string): unknown {
  const plain: unknown = JSON.parse(payload);
  if (!INEXACT.test(payload)) return plain;
  // A control character that no text of the payload has marks what was a number.
  let code = 1;
  const escaped = () => `\\u00${code.toString(16).padStart(2, "0")}`;
  while (payload.toLowerCase().includes(escaped())) code++;
  const mark = String.fromCharCode(code);
  const marked = payload.replace(TOKEN, (token) =>
    token.startsWith('"') ? token : JSON.stringify(mark + token),
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? new ExactNumber(value.slice(1)) : value,
  );
}

function tooDeep(payload: string): boolean {
  if (payload.split(/[[{]/, MOST_DEPTH + 2).length <= MOST_DEPTH + 1) return false;
  let depth = 0;
  for (const [token] of payload.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    if (depth > MOST_DEPTH) return true;
  }
  return false;
}

function values(value: unknown, keys: readonly string[]): unknown[] {
  const [key, ...rest] = keys;
  if (key === undefined)
    return Array.isArray(value) ? [value, ...value] : value === undefined ? [] : [value];
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return [];
  if (Array.isArray(value) && !/^(\d+|\*)$/.test(key)) {
    return value.flatMap((item) => values(item, keys));
  }
  if (key === "*") return Object.values(value).flatMap((item) => values(item, rest));
  return Object.hasOwn(value, key) ? values((value as Record<string, unknown>)[key], rest) : [];
}

/** A value as text: texts and numbers as they are, others as JSON without blanks. */
export function written(value: unknown): string {
  return typeof value === "string" ? value : json(value);
}

function json(value: unknown): string {
  if (value instanceof ExactNumber) return value.digits;
  if (Array.isArray(value)) return `[${value.map(json).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(
    ([key, inner]) => `${JSON.stringify(key)}:${json(inner)}`,
  );
  return `{${pairs.join()}}`;
}

/** The digits of a value that is a number; null for others. */
export function digits(value: unknown): string | null {
  return value instanceof ExactNumber
    ? value.digits
    : typeof value === "number"
      ? String(value)
      : null;
}

/** Whether a filter can compare with a text as a number. */
export function isNumber(text: string): boolean {
  return VALID.test(text);
}

/** Negative, 0 or positive as one number is less than, equal to or more than another, exactly. */
export function compare(one: string, other: string): number {
  const [sign, place, first] = ordered(one);
  const [otherSign, otherPlace, second] = ordered(other);
  if (sign !== otherSign) return sign - otherSign;
  return sign * (place - otherPlace || (first > second ? 1 : first < second ? -1 : 0));
}

/** Sign, place of the first digit, and the digits without zeros at both ends. */
function ordered(number: string): [number, number, string] {
  const [, sign, whole = "", fraction = "", minus, exponent = "0"] = NUMBER.exec(number)!;
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return [0, 0, ""];
  const shift = exponent.length > 9 ? 1e9 : Number(exponent);
  const place = digits.length - fraction.length + (minus === "-" ? -shift : shift);
  return [sign === "-" ? -1 : 1, place, digits.replace(/0+$/, "")];
}
