// The filter language: one line that says which events to show.
//
//   word  "two words"        in the payload, the type or the source; case does not matter
//   /pattern/i               a regular expression over the payload
//   type:tool.*,turn.*       also source: and origin:; * stands for anything, commas for "or"
//   seq:100..200             also seq:100.. and seq:..200
//   after:10:02  before:…    time of day on the page's clock, or a date: 2026-11-22T10:02
//   usage.in>1000            a field of a JSON payload: = != > >= < <= ~ (contains); of an array
//                            any item will do, and != asks that none is equal
//   -anything                leaves out what it names
//
// Terms are joined by "and". Cheap terms run first; a payload is only parsed for an event
// that passed all others.

import type { Chunk, Store } from "../events/event-store.ts";
import { type Pattern, pattern } from "./pattern.ts";

type Test = (chunk: Chunk, slot: number) => boolean;

/** Leaves of the first `count` slots those that pass, in place and in order, and counts them. */
export type Sieve = (chunk: Chunk, slots: Uint16Array, count: number) => number;

export interface Filter {
  /** What was written, tidied. */
  text: string;
  /** Nothing is left out. */
  empty: boolean;
  sieve: Sieve;
}

export class FilterError extends Error {}

interface Term {
  cost: number;
  negated: boolean;
  make(store: Store): Test;
}

/** Compile a filter for a store, or throw a FilterError whose message names the culprit. */
export function compileFilter(text: string, store: Store, tzOffsetMin = zone()): Filter {
  const terms = split(text).map((word) => parseTerm(word, tzOffsetMin));
  terms.sort((a, b) => a.cost - b.cost);
  const sieves = terms.map((term) => sieveOf(term.make(store), term.negated));
  return {
    text: text.trim(),
    empty: sieves.length === 0,
    sieve: (chunk, slots, count) =>
      sieves.reduce((left, sieve) => sieve(chunk, slots, left), count),
  };
}

/** Many events with one call: a call per event and term would cost more than the terms do. */
function sieveOf(test: Test, negated: boolean): Sieve {
  return (chunk, slots, count) => {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      if (test(chunk, slot) !== negated) slots[kept++] = slot;
    }
    return kept;
  };
}

function zone(): number {
  return new Date().getTimezoneOffset();
}

/** Words, keeping "quoted parts" and /patterns with spaces/ whole. */
export function split(text: string): string[] {
  const words: string[] = [];
  const reader =
    /\s*(-?\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\])+\/\w*(?=\s|$)|(?:"(?:\\.|[^"\\])*"?|[^\s"])+)/gsy;
  for (let found = reader.exec(text); found; found = reader.exec(text)) words.push(found[1]!);
  return words;
}

function parseTerm(word: string, tzOffsetMin: number): Term {
  const negated = word.length > 1 && word.startsWith("-");
  const body = negated ? word.slice(1) : word;
  return { negated, ...parseBody(body, tzOffsetMin) };
}

type Body = Omit<Term, "negated">;

function parseBody(body: string, tzOffsetMin: number): Body {
  const expression = /^\/(.+)\/(\w*)$/s.exec(body);
  if (expression) return regexTerm(body, expression[1]!, expression[2]!);
  if (body.startsWith('"')) return wordTerm(unquote(body));
  const key = /^(type|source|origin|seq|sequence|after|before):(.*)$/s.exec(body);
  if (key) return keyTerm(key[1]!, unquote(key[2]!), tzOffsetMin);
  const path = /^([\p{L}_$@][\p{L}\p{N}_$@.[\]*-]*?)(!=|>=|<=|=|>|<|~)(.*)$/su.exec(body);
  if (path) return pathTerm(path[1]!, path[2]!, path[3]!);
  return wordTerm(body);
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  if (text.length < 2 || !text.endsWith('"')) throw new FilterError(`${text} has no closing quote`);
  return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
}

function regexTerm(body: string, source: string, flags: string): Body {
  let compiled: Pattern;
  try {
    compiled = pattern(source, flags);
  } catch (error) {
    throw new FilterError(`${body}: ${(error as Error).message}`);
  }
  const { short, plain } = compiled;
  const test: Test = (chunk, slot) => {
    const text = chunk.payload[slot]!;
    return text.length <= short ? plain.test(text) : compiled.test(text);
  };
  return { cost: 4, make: () => test };
}

/** Case-insensitive text as it may stand in JSON: plain, or with its characters escaped. */
export function textExpression(text: string, flags: string): RegExp {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const forms = [...new Set([text, json, ascii])].map(escapeExpression);
  return new RegExp(forms.join("|"), flags);
}

export function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function wordTerm(word: string): Body {
  if (word === "") throw new FilterError('"" matches everything: leave it out');
  const expression = textExpression(word, "i");
  return {
    cost: 3,
    make({ types, sources }) {
      // Names are decided once, and here: a function for it would be called a million times.
      const byType: boolean[] = [];
      const bySource: boolean[] = [];
      return (chunk, slot) => {
        if (expression.test(chunk.payload[slot]!)) return true;
        const type = chunk.type[slot]!;
        const source = chunk.source[slot]!;
        byType[type] ??= expression.test(types.names[type]!);
        bySource[source] ??= expression.test(sources.names[source]!);
        return byType[type] || bySource[source];
      };
    },
  };
}

function keyTerm(key: string, value: string, tzOffsetMin: number): Body {
  if (value === "") throw new FilterError(`${key}: needs a value`);
  if (key === "after" || key === "before") return timeTerm(key, value, tzOffsetMin);
  if (key === "seq" || key === "sequence") return sequenceTerm(value);
  return nameTerm(key as "type" | "source" | "origin", value);
}

function nameTerm(key: "type" | "source" | "origin", value: string): Body {
  const globs = value.split(",").filter(Boolean).map(globExpression);
  const decide = (name: string) =>
    globs.some((glob) => glob.test(name) || (key === "origin" && glob.test(shortOrigin(name))));
  return {
    cost: 1,
    make(store) {
      const { names } = store[`${key}s`];
      const known: boolean[] = [];
      return (chunk, slot) => {
        const code = chunk[key][slot]!;
        known[code] ??= decide(names[code]!);
        return known[code];
      };
    },
  };
}

/** AGENT_EVENT is also called agent. */
export function shortOrigin(origin: string): string {
  return origin.replace(/_EVENT$/, "").toLowerCase();
}

function globExpression(glob: string): RegExp {
  return new RegExp(`^${glob.split("*").map(escapeExpression).join(".*")}$`, "is");
}

function sequenceTerm(value: string): Body {
  const found = /^(\d*)(\.\.)?(\d*)$/.exec(value);
  if (!found || (!found[1] && !found[3]))
    throw new FilterError(`seq:${value} is not like seq:100..200`);
  const low = found[1] ? Number(found[1]) : 0;
  const high = found[3] ? Number(found[3]) : found[2] ? Number.POSITIVE_INFINITY : low;
  return {
    cost: 0,
    make: (store) => (chunk, slot) => {
      const sequence = store.sequence(chunk.base + slot);
      return sequence >= low && sequence <= high;
    },
  };
}

const DAY = 86_400_000;

function timeTerm(key: string, value: string, tzOffsetMin: number): Body {
  const keep: (time: number, limit: number) => boolean =
    key === "after" ? (time, limit) => time >= limit : (time, limit) => time < limit;
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,3})?)?$/.exec(value);
  const zoneMs = tzOffsetMin * 60_000;
  if (clock) {
    const [, hours, minutes, seconds = "0", fraction = "0"] = clock;
    const limit =
      (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(fraction)) * 1000;
    return {
      cost: 0,
      make: () => (chunk, slot) => keep((chunk.time[slot]! - zoneMs) % DAY, limit),
    };
  }
  const limit = dateValue(value, zoneMs);
  if (Number.isNaN(limit))
    throw new FilterError(`${key}:${value} is no time like 10:02:31 or 2026-11-22T10:02`);
  return { cost: 0, make: () => (chunk, slot) => keep(chunk.time[slot]!, limit) };
}

/** A date without a zone is on the page's clock. */
function dateValue(value: string, zoneMs: number): number {
  const parsed = Date.parse(
    /^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00Z` : hasZone(value) ? value : `${value}Z`,
  );
  return hasZone(value) ? parsed : parsed + zoneMs;
}

function hasZone(value: string): boolean {
  return /(Z|[+-]\d{2}:?\d{2})$/i.test(value.slice(10));
}

const COMPARE = new Map<string, (a: number, b: number) => boolean>([
  [">", (a, b) => a > b],
  [">=", (a, b) => a >= b],
  ["<", (a, b) => a < b],
  ["<=", (a, b) => a <= b],
]);

function pathTerm(path: string, operator: string, raw: string): Body {
  const keys = path.split(/[.[\]]+/).filter(Boolean);
  const value = unquote(raw);
  const decide = comparison(operator, value, raw.startsWith('"'));
  const last = keys.at(-1)!;
  return {
    cost: 5,
    make: () => (chunk, slot) => {
      const payload = chunk.payload[slot]!;
      // Parsing is the dear part; a payload without the key cannot have the field.
      if (last !== "*" && !/^\d+$/.test(last) && !payload.includes(last)) return false;
      const found = valuesAt(parsed(payload), keys);
      return operator === "!=" ? found.length > 0 && found.every(decide) : found.some(decide);
    },
  };
}

function comparison(operator: string, value: string, quoted: boolean): (found: unknown) => boolean {
  if (operator === "~") {
    const expression = textExpression(value, "i");
    return (found) => expression.test(plain(found));
  }
  const compare = COMPARE.get(operator);
  if (compare) {
    const limit = Number(value);
    if (value === "" || Number.isNaN(limit))
      throw new FilterError(`${operator}${value} compares with a number`);
    return (found) => typeof found === "number" && compare(found, limit);
  }
  const same = (found: unknown) => plain(found) === value || (!quoted && sameNumber(found, value));
  return operator === "=" ? same : (found) => !same(found);
}

function sameNumber(found: unknown, value: string): boolean {
  return typeof found === "number" && value !== "" && found === Number(value);
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

let lastPayload = "";
let lastParsed: unknown;

/** The last payload is kept: several terms of one filter ask for the same. */
function parsed(payload: string): unknown {
  if (payload === lastPayload) return lastParsed;
  lastPayload = payload;
  try {
    lastParsed = JSON.parse(payload);
  } catch {
    lastParsed = undefined;
  }
  return lastParsed;
}

/** All values under a path; `*` and arrays without an index stand for every item. */
function valuesAt(value: unknown, keys: readonly string[]): unknown[] {
  const [key, ...rest] = keys;
  if (key === undefined)
    return Array.isArray(value) ? [value, ...value] : value === undefined ? [] : [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) && !/^(\d+|\*)$/.test(key)) {
    return value.flatMap((item) => valuesAt(item, keys));
  }
  if (key === "*") return Object.values(value).flatMap((item) => valuesAt(item, rest));
  return Object.hasOwn(value, key) ? valuesAt((value as Record<string, unknown>)[key], rest) : [];
}
