// JSON as it was written: numbers that JavaScript cannot hold keep their digits.

/** A number whose digits would change in a 64-bit float. */
export class ExactNumber {
  constructor(readonly digits: string) {}
  toJSON(): string {
    return SIGN + this.digits;
  }
}

export type Json =
  | null
  | boolean
  | number
  | string
  | ExactNumber
  | Json[]
  | { [key: string]: Json };

const LONG_NUMBER = /\d{16}|\d[eE][+-]?\d{3}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const SIGN = "\u0001exact:";

/** Parse; undefined if the text is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Json;
    JSON.parse(text);
    return JSON.parse(text.replace(TOKEN, keepDigits), revive) as Json;
  } catch {
    return undefined;
  }
}

function keepDigits(token: string): string {
  if (token.startsWith('"') || isExact(token)) return token;
  return JSON.stringify(SIGN + token);
}

function isExact(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  return Number.isInteger(value)
    ? Number.isSafeInteger(value)
    : token.replace(/\D/g, "").length < 17;
}

function revive(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.startsWith(SIGN)
    ? new ExactNumber(value.slice(SIGN.length))
    : value;
}

/** JSON text with the digits as they were. */
export function writeJson(value: Json, indent = ""): string {
  return JSON.stringify(value, undefined, indent).replace(/"\\u0001exact:([^"]+)"/g, "$1");
}
