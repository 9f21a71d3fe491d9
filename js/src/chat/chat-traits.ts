// What crosses as synced traits. Names are the trait names.

import type { AnyModel } from "@anywidget/types";
import type { Theme } from "../ui/theme.ts";
import type { Protocol } from "./conversation.ts";

export interface Traits {
  /** Name or id of the axon, for the header. */
  title: string;
  axon_id: string;
  protocol: Protocol;
  /** Of the whole widget, px; the page writes it when its handle is dragged. */
  height: number;
  theme: Theme;
  /** Budget for payloads in the page, in bytes as the kernel counts. */
  max_bytes: number;
  /** Deflated JSON of a Snapshot; empty while the stream runs. */
  _snapshot: DataView | ArrayBuffer | null;
}

export type Model = AnyModel<Traits>;
