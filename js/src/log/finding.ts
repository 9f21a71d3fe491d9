// What a view looks for and leaves out: the search, "only matches", a level, folded traces.

import type { SearchOptions } from "../ui/search-box.ts";
import { Bits } from "./arena.ts";
import type { RowFilter } from "./log-rows.ts";
import { Search } from "./log-search.ts";
import type { LogSession } from "./log-session.ts";
import { Query, QueryError } from "./query.ts";

export class Finding {
  search: Search | null = null;
  query: Query | null = null;
  error = "";
  /** Show only what matches, with this many lines around; null shows everything. */
  around: number | null = null;
  /** Show only this level: index into LEVELS, 0 for all. */
  level = 0;
  /** Entries that are shown whole, by first row. */
  unfolded = new Bits();

  /** `changed` is told what: the search, or which rows are shown. */
  constructor(
    private readonly session: LogSession,
    private readonly changed: (what: "search" | "rows") => void,
  ) {}

  /** What is left out: nothing, or what does not match. */
  get filter(): RowFilter | null {
    const { store, classifier } = this.session;
    const { search, level } = this;
    if (this.around !== null && search) {
      const matches = (row: number) => search.rows.has(row);
      return { matches, around: this.around, upTo: () => search.upTo };
    }
    if (level === 0) return null;
    const upTo = () => (classifier.complete ? store.rows : classifier.upTo);
    return { matches: (row) => store.level(row) === level, around: this.around ?? 0, upTo };
  }

  setSearch({ text, ...options }: SearchOptions): void {
    this.error = "";
    try {
      this.query = text === "" ? null : new Query(text, options);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      this.query = null;
      this.error = error.message;
    }
    this.#begin();
    this.changed("search");
  }

  setAround(around: number | null): void {
    this.around = around;
    this.changed("rows");
  }

  setLevel(level: number): void {
    this.level = this.level === level ? 0 : level;
    this.changed("rows");
  }

  toggleEntry(row: number): void {
    if (this.unfolded.has(row)) this.unfolded.delete(row);
    else this.unfolded.add(row);
    this.changed("rows");
  }

  /** The store is another one: nothing that pointed into the old one holds. */
  replace(): void {
    this.unfolded = new Bits();
    this.#begin();
  }

  #begin(): void {
    this.search = this.query && new Search(this.session.store, this.query);
  }
}
