// What crosses as synced traits: small, slow, and worth saving. Names are the trait names.

import type { AnyModel } from "@anywidget/types";
import type { Theme } from "../ui/theme.ts";

/** Both streams in order of arrival, one of them, or each in its own half. */
export type Streams = "both" | "stdout" | "stderr" | "apart";

export interface Traits {
  /** The command, for the header. */
  title: string;
  execution_id: string;
  /** Both sides write the following six. */
  streams: Streams;
  follow: boolean;
  wrap: boolean;
  times: boolean;
  numbers: boolean;
  fold: boolean;
  /** Of the whole widget, px; the page writes it when its handle is dragged. */
  height: number;
  theme: Theme;
  /** The command may be written to. */
  stdin: boolean;
  /** Deflated JSON of a LogSnapshot; empty while the command runs. */
  _snapshot: DataView | ArrayBuffer | null;
}

export type Model = AnyModel<Traits>;
