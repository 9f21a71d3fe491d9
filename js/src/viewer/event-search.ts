// Finding without hiding: which shown events hold a text, in slices, oldest to newest on demand.

import { CHUNK, type Chunk } from "../events/event-columns.ts";
import type { Store } from "../events/event-store.ts";
import type { Lane } from "../events/lane.ts";
import { escapeExpression, textExpression } from "../filter/filter.ts";
import { native } from "../filter/native.ts";
import { type Pattern, pattern } from "../filter/pattern.ts";
import type { SearchOptions } from "../ui/search-box.ts";
import { lowerBound } from "./row-index.ts";
import type { Rows } from "./rows.ts";

/** What marks the found text in a row; null where there is nothing to find. */
export function highlighter({ text, regex, matchCase }: SearchOptions): Pattern | null {
  if (text === "") return null;
  return pattern(regex ? text : escapeExpression(text), matchCase ? "" : "i");
}

export class Search {
  /** Positions found, in the order of the rows. */
  found: number[] = [];
  complete = true;
  error = "";
  #test: ((text: string) => boolean) | null = null;
  #typeHits: boolean[] = [];
  /** The same, ascending; the same array while there is one lane. */
  #byPosition: number[] = this.found;
  /** Positions of each lane up to here were looked at. */
  #upto = new Map<Lane, number>();
  #revision = -1;

  constructor(private readonly store: Store) {}

  get active(): boolean {
    return this.#test !== null;
  }

  set(options: SearchOptions): void {
    this.error = "";
    try {
      this.#test = compile(options);
    } catch (error) {
      this.#test = null;
      this.error = (error as Error).message;
    }
    this.restart();
  }

  /** Look at everything again: the rows changed under the search. */
  restart(): void {
    this.found = [];
    this.#byPosition = this.found;
    this.#upto.clear();
    this.#typeHits = [];
    this.complete = this.#test === null;
  }

  /** Look on for at most `budget` ms. `revision` changes when rows were put between old ones. */
  update(rows: Rows, revision: number, budget: number): boolean {
    if (!this.#test) return false;
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.restart();
    }
    const until = performance.now() + budget;
    const before = this.found.length;
    let looked = 0;
    this.complete = true;
    for (const position of rows.newIn((lane) => (this.#upto.get(lane) ?? -1) + 1)) {
      if ((++looked & 255) === 0 && performance.now() > until) {
        this.complete = false;
        break;
      }
      const chunk = this.store.chunks.get(Math.floor(position / CHUNK));
      if (!chunk) continue;
      if (this.#holds(chunk, position % CHUNK)) this.found.push(position);
      this.#upto.set(chunk.lane, position);
    }
    if (rows.several && this.found.length !== before) this.#arrange();
    return this.found.length !== before || looked > 0;
  }

  /** Index of the first find at or after (or, going back, before) a position; wraps around. */
  step(position: number, direction: 1 | -1): number {
    const { found } = this;
    if (found.length === 0) return -1;
    const { byTime } = this.store;
    if (direction === 1)
      return lowerBound(found.length, (i) => byTime(found[i]!, position) > 0) % found.length;
    const before = lowerBound(found.length, (i) => byTime(found[i]!, position) >= 0) - 1;
    return before < 0 ? found.length - 1 : before;
  }

  has(from: number, to: number): boolean {
    const found = this.#byPosition;
    const at = lowerBound(found.length, (i) => found[i]! >= from);
    return at < found.length && found[at]! <= to;
  }

  #arrange(): void {
    this.found.sort(this.store.byTime);
    this.#byPosition = [...this.found].sort((a, b) => a - b);
  }

  #holds(chunk: Chunk, slot: number): boolean {
    if (!this.#test) return false;
    const type = chunk.type[slot]!;
    this.#typeHits[type] ??= this.#test(this.store.types.names[type]!);
    return this.#typeHits[type] || this.#test(chunk.payload[slot]!);
  }
}

function compile({ text, regex, matchCase }: SearchOptions): ((text: string) => boolean) | null {
  if (text === "") return null;
  if (regex) {
    const { finder } = pattern(text, matchCase ? "" : "i", native);
    return (value) => finder.test(value);
  }
  const expression = textExpression(text, matchCase ? "" : "i");
  return (value) => expression.test(value);
}
