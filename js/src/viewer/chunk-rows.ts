// The rows of one chunk, in columns that grow: a million of them are a few megabytes.

const FEW = 32;
/** In few steps: arrays that are let go cost more time than room costs memory. */
const GROWTH = 8;

export class ChunkRows {
  /** Slots that passed the filter, ascending; `hitCount` of them. */
  hits = new Uint16Array(FEW);
  hitCount = 0;
  /** Per row: index of its first hit, and number of hits or a Divider; `rowCount` of them. */
  from = new Uint16Array(FEW);
  span = new Int16Array(FEW);
  rowCount = 0;
  /** Slots below this were looked at. */
  upto = 0;
  /** All slots there were looked at. */
  done = false;

  constructor(readonly revision: number) {}

  /** The index of the new hit. */
  addHit(slot: number): number {
    if (this.hitCount === this.hits.length) {
      const grown = new Uint16Array(GROWTH * this.hitCount);
      grown.set(this.hits);
      this.hits = grown;
    }
    this.hits[this.hitCount] = slot;
    return this.hitCount++;
  }

  addRow(from: number, span: number): void {
    if (this.rowCount === this.from.length) this.#growRows();
    this.from[this.rowCount] = from;
    this.span[this.rowCount++] = span;
  }

  #growRows(): void {
    const from = new Uint16Array(GROWTH * this.rowCount);
    const span = new Int16Array(GROWTH * this.rowCount);
    from.set(this.from);
    span.set(this.span);
    this.from = from;
    this.span = span;
  }
}
