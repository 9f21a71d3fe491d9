// What crosses as synced traits. Names are the trait names.

import type { AnyModel } from "@anywidget/types";
import type { Theme } from "../ui/theme.ts";

export interface Traits {
  title: string;
  axon_id: string;
  height: number;
  theme: Theme;
  /** What is selected on the axis: [from, to] in ms, or null; both sides write it. */
  time_range: [number, number] | null;
  /** The first and the last event of the bar that was opened; the page writes it. */
  opened: [number, number] | null;
  /** Deflated JSON of a TimelineSnapshot; empty while the stream runs. */
  _snapshot: DataView | ArrayBuffer | null;
}

export type Model = AnyModel<Traits>;
