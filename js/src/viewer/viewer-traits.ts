// What crosses as synced traits: small, slow, and worth saving. Names are the trait names.

import type { AnyModel } from "@anywidget/types";
import type { Theme } from "../ui/theme.ts";

export type Times = "absolute" | "start";
export const TIMES: readonly Times[] = ["absolute", "start"];

export interface Traits {
  /** Name or id of the axon, for the header. */
  title: string;
  axon_id: string;
  /** The filter text; both sides write it. */
  filter: string;
  /** The brush of the chart: [from, to] in ms, or null; both sides write it. */
  time_range: [number, number] | null;
  /** Of the whole widget, px; the page writes it when its handle is dragged. */
  height: number;
  theme: Theme;
  /** Both sides write these two. */
  fold: boolean;
  times: Times;
  /** Whether a view begins at the tail; setting it moves all views of the widget. */
  follow: boolean;
  /** Show what was there after this event; null is live. Both sides write it. */
  at: number | null;
  /** Budget for payloads in the page, in bytes as the kernel counts. */
  max_bytes: number;
  /** Deflated JSON of a Snapshot; empty while the stream runs. */
  _snapshot: DataView | ArrayBuffer | null;
}

export type Model = AnyModel<Traits>;
