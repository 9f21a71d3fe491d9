// Which events are selected: ranges of positions, so that "all of a million" costs nothing.

import type { Range } from "../kernel/protocol.ts";

export class Selection {
  /** Disjoint, ascending, inclusive. */
  ranges: Range[] = [];
  /** Where a shift-click starts from. */
  anchor = -1;
  /** The event the keyboard is at; -1 for none. */
  active = -1;

  has(position: number): boolean {
    return this.ranges.some(([from, to]) => position >= from && position <= to);
  }

  get empty(): boolean {
    return this.ranges.length === 0;
  }

  clear(): void {
    this.ranges = [];
  }

  only(from: number, to: number): void {
    this.ranges = [[from, to]];
    this.anchor = from;
    this.active = from;
  }

  /** What is between the anchor and here, and nothing else. */
  extend(active: number, ranges: Range[]): void {
    if (this.anchor < 0) this.anchor = active;
    this.ranges = ranges;
    this.active = active;
  }

  toggle(from: number, to: number): void {
    const adds = !this.has(from);
    this.ranges = this.ranges.flatMap((range) => without(range, from, to));
    if (adds) this.ranges.push([from, to]);
    this.ranges.sort((a, b) => a[0] - b[0]);
    this.anchor = from;
    this.active = from;
  }
}

function without([low, high]: Range, from: number, to: number): Range[] {
  const parts: Range[] = [
    [low, Math.min(high, from - 1)],
    [Math.max(low, to + 1), high],
  ];
  return parts.filter(([start, end]) => start <= end);
}
