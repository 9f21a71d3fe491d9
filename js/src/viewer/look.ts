// How a view shows its rows: the kind of time, columns, density, chart. What depends on all of it is
// drawn again when a key has grown.

import { assign } from "../kernel/traits.ts";
import type { Display } from "../ui/widget-frame.ts";
import { type Model, TIMES, type Times } from "./viewer-traits.ts";

export type Column = "axon" | "seq" | "time" | "gap" | "type" | "pair";

const ROW_PX = { dense: 24, roomy: 30 } as const;

export class Look {
  readonly hidden = new Set<Column>();
  times: Times;
  roomy = false;
  chartShown = true;
  timelineShown = true;
  timeBarShown = true;
  /** Grows when every row has to be drawn again. */
  drawKey = 0;
  /** Grows when colours are others. */
  themeKey = 0;

  constructor(
    private readonly model: Model,
    private readonly display: Display,
  ) {
    this.times = model.get("times") ?? "absolute";
  }

  get rowHeight(): number {
    return this.roomy ? ROW_PX.roomy : ROW_PX.dense;
  }

  /** Draw everything anew, every row too. */
  redraw(): void {
    this.drawKey++;
    this.display.soon();
  }

  themed(): void {
    this.themeKey++;
    this.redraw();
  }

  cycleTimes(): void {
    this.times = TIMES[(TIMES.indexOf(this.times) + 1) % TIMES.length]!;
    assign(this.model, "times", this.times);
    this.redraw();
  }

  setRoomy(roomy: boolean): void {
    this.roomy = roomy;
    this.display.root.dataset.roomy = String(roomy);
    this.redraw();
  }

  toggleColumn(column: Column): void {
    if (!this.hidden.delete(column)) this.hidden.add(column);
    this.display.root.dataset.hidden = [...this.hidden].join(" ");
    this.redraw();
  }

  toggleTimeline(): void {
    this.timelineShown = !this.timelineShown;
    this.display.soon();
  }

  toggleTimeBar(): void {
    this.timeBarShown = !this.timeBarShown;
    this.display.soon();
  }

  toggleChart(): void {
    this.chartShown = !this.chartShown;
    this.display.soon();
  }
}
