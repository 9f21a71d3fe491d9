// The filter language: one line that says which events to show. docs/filters.md describes it, and
// `axon_notebook/filtering/event_filter.py` is this file in Python.
//
// Terms are joined by "and". Cheap terms run first; a payload is only parsed for an event
// that passed all others.

import type { Chunk } from "../events/event-columns.ts";
import type { Store } from "../events/event-store.ts";
import { foldText } from "./letter-case.ts";
import { type Finder, native } from "./native.ts";
import { pattern } from "./pattern.ts";
import { compare, digits, fields, isNumber, written } from "./payload.ts";

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
  const key = /^(type|kind|axon|source|origin|seq|sequence|after|before):(.*)$/s.exec(body);
  if (key) return keyTerm(key[1]!, unquote(key[2]!), tzOffsetMin);
  const path = /^([A-Za-z_$@\x80-\uffff][\w$@.[\]*\x80-\uffff-]*?)(!=|>=|<=|=|>|<|~)(.*)$/s.exec(
    body,
  );
  if (path) return pathTerm(path[1]!, path[2]!, path[3]!);
  return wordTerm(body);
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  if (text.length < 2 || !text.endsWith('"')) throw new FilterError(`${text} has no closing quote`);
  return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
}

function regexTerm(body: string, source: string, flags: string): Body {
  let finder: Finder;
  try {
    ({ finder } = pattern(source, flags, native));
  } catch (error) {
    throw new FilterError(`${body}: ${(error as Error).message}`);
  }
  return { cost: 4, make: () => (chunk, slot) => finder.test(chunk.payload[slot]!) };
}

/** Case-insensitive text as it may stand in JSON: plain, or with its characters escaped. */
export function textExpression(text: string, flags: string): RegExp {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(
    /[\u007f-\uffff]/g,
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
  if (key === "axon") return axonTerm(value);
  return nameTerm(key as "type" | "kind" | "source" | "origin", value);
}

function nameTerm(key: "type" | "kind" | "source" | "origin", value: string): Body {
  const globs = value.split(",").filter(Boolean).map(globTest);
  const decide = (name: string) =>
    globs.some((fits) => fits(foldText(name)) || (key === "origin" && fits(shortName(name))));
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

/** By the name of the axon or by its id; a chunk holds events of one. */
function axonTerm(value: string): Body {
  const globs = value.split(",").filter(Boolean).map(globTest);
  const decide = (name: string) => name !== "" && globs.some((fits) => fits(foldText(name)));
  return {
    cost: 0,
    make(store) {
      const { names } = store.axons;
      const known = new Map<string, boolean>();
      return (chunk) => {
        const code = chunk.lane.axon;
        const key = `${code} ${store.axonNames[code] ?? ""}`; // a name may come after its events
        const answer = known.get(key);
        if (answer !== undefined) return answer;
        const passes = decide(names[code]!) || decide(store.axonNames[code] ?? "");
        known.set(key, passes);
        return passes;
      };
    },
  };
}

/** AGENT_EVENT is also called agent. */
export function shortOrigin(origin: string): string {
  return origin.replace(/_EVENT$/, "").toLowerCase();
}

function shortName(origin: string): string {
  return foldText(shortOrigin(origin));
}

/** `*` stands for any text. Each part is looked for behind the one before, so it ends soon. */
function globTest(glob: string): (folded: string) => boolean {
  const [first, ...rest] = foldText(glob).split("*") as [string, ...string[]];
  const last = rest.pop();
  return (name) => {
    if (last === undefined) return name === first;
    let at = first.length;
    if (!name.startsWith(first)) return false;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - last.length >= at && name.endsWith(last);
  };
}

function sequenceTerm(value: string): Body {
  const found = /^(\d{0,15})(?:(\.\.)(\d{0,15}))?$/.exec(value);
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
  const zoneMs = tzOffsetMin * 60_000;
  const ofDay = timeOfDay(value);
  if (ofDay !== null) {
    const inDay = (time: number) => (((time - zoneMs) % DAY) + DAY) % DAY;
    return { cost: 0, make: () => (chunk, slot) => keep(inDay(chunk.time[slot]!), ofDay) };
  }
  const limit = dateValue(value, zoneMs);
  if (limit === null)
    throw new FilterError(`${key}:${value} is not a time like 10:02:31 or 2026-11-22T10:02`);
  return { cost: 0, make: () => (chunk, slot) => keep(chunk.time[slot]!, limit) };
}

/** 10:02, 10:02:31, 10:02:31.5 in milliseconds of the day; null if it is no such time. */
export function timeOfDay(text: string): number | null {
  const found = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/.exec(text);
  return found && clockValue(found[1]!, found[2]!, found[3], found[4]);
}

/** Milliseconds of the day; null if there is no such time. */
function clockValue(hours: string, minutes: string, seconds = "0", fraction = ""): number | null {
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 23 || m > 59 || s > 59) return null;
  return ((h * 60 + m) * 60 + s) * 1000 + Number(fraction.padEnd(3, "0"));
}

const DATE =
  /^([1-9]\d{3})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?(?:(Z)|([+-])(\d\d):?(\d\d))?$/;

/** A date in milliseconds, without a zone on the page's clock; null if there is no such date. */
export function dateValue(value: string, zoneMs: number): number | null {
  const found = DATE.exec(value);
  if (!found) return null;
  const [, year, month, date, hours = "0", minutes = "0", seconds, fraction] = found;
  const [, , , , , , , , utc, sign, zoneHours = "0", zoneMinutes = "0"] = found;
  const day = new Date(Date.UTC(Number(year), Number(month) - 1, Number(date)));
  const ofDay = clockValue(hours, minutes, seconds, fraction);
  const zone = clockValue(zoneHours, zoneMinutes);
  if (ofDay === null || zone === null) return null;
  if (day.getUTCMonth() !== Number(month) - 1 || day.getUTCDate() !== Number(date)) return null;
  const offset = utc ? 0 : sign ? (sign === "-" ? zone : -zone) : zoneMs;
  return day.getTime() + ofDay + offset;
}

const ORDER = new Map<string, (difference: number) => boolean>([
  [">", (difference) => difference > 0],
  [">=", (difference) => difference >= 0],
  ["<", (difference) => difference < 0],
  ["<=", (difference) => difference <= 0],
]);

function pathTerm(path: string, operator: string, raw: string): Body {
  const keys = path.split(/[.[\]]+/).filter(Boolean);
  const decide = comparison(operator, unquote(raw), raw.startsWith('"'));
  return {
    cost: 5,
    make: () => (chunk, slot) => {
      const found = fields(chunk.payload[slot]!, keys);
      // "!=" is of a field that is there, and of none of its items.
      return operator === "!=" ? found.length > 0 && found.every(decide) : found.some(decide);
    },
  };
}

function comparison(operator: string, value: string, quoted: boolean): (found: unknown) => boolean {
  if (operator === "~") {
    const expression = textExpression(value, "i");
    return (found) => expression.test(written(found));
  }
  const number = isNumber(value);
  const holds = ORDER.get(operator);
  if (holds) {
    if (!number) throw new FilterError(`${operator}${value} compares with a number`);
    return (found) => {
      const own = digits(found);
      return own !== null && holds(compare(own, value));
    };
  }
  const same = (found: unknown) => {
    if (written(found) === value) return true;
    const own = number && !quoted ? digits(found) : null;
    return own !== null && compare(own, value) === 0;
  };
  return operator === "=" ? same : (found) => !same(found);
}
