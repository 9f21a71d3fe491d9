// Which events are shown: filter, brush, pause, clearing, folding. Local to a view; the filter
// text, the brush and folding are traits, so that Python sees them and can set them.

import { clock } from "../base/format.ts";
import type { Session } from "../events/event-session.ts";
import { compileFilter, type Filter, FilterError } from "../filter/filter.ts";
import { withTerm } from "../filter/terms.ts";
import { assign, observe } from "../kernel/traits.ts";
import { Rows, type RowsOptions } from "./rows.ts";
import type { Model } from "./viewer-traits.ts";

const EVERYTHING = Number.POSITIVE_INFINITY;

export class Showing {
  readonly rows: Rows;
  /** First positions of runs that are shown unfolded. */
  readonly unfolded = new Set<number>();
  filterText = "";
  /** Why the text is no filter; the last good one stays in force. */
  filterError = "";
  brush: [number, number] | null;
  fold: boolean;
  cleared = false;
  /** Grows when other rows are shown than before. */
  revision = 0;
  /** Newest position that is shown: when it was paused, or of the moment. */
  limit = EVERYTHING;
  /** The time bar is somewhere else than live. */
  atMoment = false;

  #filter: Filter;

  constructor(
    private readonly session: Session,
    private readonly model: Model,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.fold = model.get("fold") ?? true;
    this.brush = model.get("time_range") ?? null;
    this.#filter = compileFilter("", session.store);
    this.rows = new Rows(session.store, this.#options());
    observe(model, "filter", () => this.takeFilter(), signal);
    observe(model, "time_range", () => this.#takeBrush(), signal);
    observe(model, "fold", () => this.#takeFold(), signal);
  }

  get paused(): boolean {
    return this.limit !== EVERYTHING && !this.atMoment;
  }

  /** Neither filter nor brush leaves anything out. */
  get everything(): boolean {
    return this.#filter.empty && this.brush === null;
  }

  get brushText(): string {
    if (!this.brush) return "";
    const [from, to] = this.brush.map((time) => clock(time).slice(0, 10));
    return `${from} – ${to}`;
  }

  setFilter(text: string): void {
    assign(this.model, "filter", text.trim());
    this.takeFilter();
  }

  addTerm(term: string): void {
    this.setFilter(withTerm(this.filterText, term));
  }

  /** Read the trait: it was set here or in Python. */
  takeFilter(): void {
    const text = this.model.get("filter") ?? "";
    if (text === this.filterText && this.revision > 0) return;
    this.filterText = text;
    this.filterError = "";
    try {
      this.#filter = compileFilter(text, this.session.store);
      this.#rebuild();
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.filterError = error.message;
      this.changed();
    }
  }

  setBrush(range: [number, number] | null): void {
    assign(this.model, "time_range", range);
    this.#takeBrush();
  }

  setFold(fold: boolean): void {
    assign(this.model, "fold", fold);
    this.#takeFold();
  }

  toggleFold(position: number): void {
    if (!this.unfolded.delete(position)) this.unfolded.add(position);
    this.rows.touch(position);
    this.changed();
  }

  togglePause(): void {
    this.limit = this.limit === EVERYTHING ? this.session.store.newest : EVERYTHING;
    this.rows.setLimit(this.limit);
    this.changed();
  }

  /** Show what was there after the event at a position; null for live. */
  setMoment(position: number | null): void {
    this.atMoment = position !== null;
    this.limit = position ?? EVERYTHING;
    this.rows.setLimit(this.limit);
  }

  clear(clear: boolean): void {
    this.cleared = clear;
    this.#rebuild();
  }

  /** An index over all events, for an export. */
  allRows(): Rows {
    const { store } = this.session;
    const options = {
      filter: compileFilter("", store),
      fold: false,
      time: null,
      limit: EVERYTHING,
      since: 0,
    };
    const every = new Rows(store, { ...this.#options(), ...options });
    every.update(EVERYTHING);
    return every;
  }

  #takeBrush(): void {
    const range = this.model.get("time_range") ?? null;
    if (String(range) === String(this.brush)) return;
    this.brush = range;
    this.#rebuild();
  }

  #takeFold(): void {
    const fold = this.model.get("fold") ?? true;
    if (fold === this.fold) return;
    this.fold = fold;
    this.#rebuild();
  }

  #options(): RowsOptions {
    return {
      filter: this.#filter,
      fold: this.fold,
      limit: this.limit,
      since: this.cleared ? this.session.store.newest + 1 : 0,
      time: this.brush,
      unfolded: this.unfolded,
    };
  }

  #rebuild(): void {
    this.revision++;
    this.rows.reset(this.#options());
    this.changed();
  }
}
