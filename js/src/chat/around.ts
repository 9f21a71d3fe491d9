// What the parts of a view know of the view.

import type { Copy } from "../content/parts-view.ts";
import type { Entry } from "../trace/model.ts";
import type { Chat } from "./chat.ts";

export interface ItemView {
  readonly element: HTMLElement;
  /** `now` is the kernel's time, for what still runs. */
  draw(now: number): void;
}

export interface Around {
  chat: Chat;
  copy: Copy;
  changed(): void;
  /** What was done here has consequences at the end: go there. */
  follow(): void;
  /** Whether the differences of a tool call are shown already. */
  showsDiffs(callId: string): boolean;
  /** A view of an entry. */
  view(entry: Entry): ItemView;
}
