// What is selected in a pane: from a place in a line to a place in another, by column.

export interface Point {
  /** Index among the shown rows. */
  index: number;
  column: number;
}

export const END = Number.POSITIVE_INFINITY;

export class Selection {
  anchor: Point | null = null;
  focus: Point | null = null;

  get empty(): boolean {
    const { anchor, focus } = this;
    return !anchor || !focus || compare(anchor, focus) === 0;
  }

  clear(): void {
    this.anchor = null;
    this.focus = null;
  }

  start(point: Point): void {
    this.anchor = point;
    this.focus = point;
  }

  extend(point: Point): void {
    this.anchor ??= point;
    this.focus = point;
  }

  set(anchor: Point, focus: Point): void {
    this.anchor = anchor;
    this.focus = focus;
  }

  /** First and last point in order; null when nothing is selected. */
  get range(): [Point, Point] | null {
    const { anchor, focus } = this;
    if (!anchor || !focus || this.empty) return null;
    return compare(anchor, focus) < 0 ? [anchor, focus] : [focus, anchor];
  }

  /** The selected columns [from, to) of a row; null for none. `to` is END past the line break. */
  columns(index: number): [number, number] | null {
    const { range } = this;
    if (!range || index < range[0].index || index > range[1].index) return null;
    const from = index === range[0].index ? range[0].column : 0;
    const to = index === range[1].index ? range[1].column : END;
    return to > from ? [from, to] : null;
  }
}

function compare(a: Point, b: Point): number {
  return a.index - b.index || a.column - b.column;
}
