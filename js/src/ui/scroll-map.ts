// A scroll position for more rows than a browser can lay out.
//
// Browsers stop at some 17 to 33 million pixels. Up to MAX_PX the scroll bar is the truth; above,
// its range is mapped onto the rows, and wheel and keys move the rows themselves, so that one
// notch is still three rows.

/** Highest element that every browser lays out, with room to spare: about 500,000 rows. */
export const MAX_PX = 12_000_000;

export class ScrollMap {
  rows = 0;
  rowHeight = 24;
  /** Height of the visible part, px. */
  view = 0;
  /** What is at the top, in px of the full list. */
  top = 0;

  /** Height of the full list, px. */
  get full(): number {
    return this.rows * this.rowHeight;
  }

  /** Height of the element that the browser scrolls. */
  get height(): number {
    return Math.min(this.full, MAX_PX);
  }

  get mapped(): boolean {
    return this.full > MAX_PX;
  }

  /** The largest `top`. */
  get bottom(): number {
    return Math.max(0, this.full - this.view);
  }

  /** Scroll position that the browser should have for `top`. */
  get physical(): number {
    if (!this.mapped) return this.top;
    const range = this.height - this.view;
    return this.bottom === 0 ? 0 : (this.top / this.bottom) * range;
  }

  /** The browser was scrolled to `position`. */
  fromPhysical(position: number): void {
    const range = this.height - this.view;
    const at = this.mapped && range > 0 ? (position / range) * this.bottom : position;
    this.moveTo(at);
  }

  moveTo(top: number): void {
    this.top = Math.min(this.bottom, Math.max(0, top));
  }

  /** The smallest movement that shows row `index` whole. */
  reveal(index: number): void {
    const at = index * this.rowHeight;
    if (at < this.top) this.moveTo(at);
    else if (at + this.rowHeight > this.top + this.view)
      this.moveTo(at + this.rowHeight - this.view);
  }

  /** Put row `index` into the middle. */
  center(index: number): void {
    this.moveTo((index + 0.5) * this.rowHeight - this.view / 2);
  }

  /** First and one past the last row to draw. */
  window(): [number, number] {
    const first = Math.floor(this.top / this.rowHeight);
    const last = Math.ceil((this.top + this.view) / this.rowHeight);
    return [Math.max(0, first), Math.min(this.rows, last)];
  }
}
