// What crosses as synced traits. Names are the trait names.

import type { AnyModel } from "@anywidget/types";
import type { Theme } from "../ui/theme.ts";

export interface Traits {
  /** Name or id of the axon, for the header. */
  title: string;
  axon_id: string;
  /** Sequence of the prompt whose turn is shown alone; 0 for the whole conversation. */
  turn: number;
  /** Show what was there after this event; null is all of it. */
  at: number | null;
  /** Of the whole widget, px; the page writes it when its handle is dragged. */
  height: number;
  theme: Theme;
  /** Deflated JSON of a ChatSnapshot; empty while the stream runs. */
  _snapshot: DataView | ArrayBuffer | null;
}

export type Model = AnyModel<Traits>;
