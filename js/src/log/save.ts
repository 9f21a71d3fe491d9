// A log as a file: what is shown as text, or a stream's bytes as they came.

import { download } from "../ui/dom.ts";
import type { View } from "./log-view.ts";
import type { StreamName } from "./output-store.ts";
import { textOf } from "./text.ts";

export function save(view: View, what: "shown" | StreamName): void {
  const { session, root } = view;
  const name = view.title.replace(/[^\w.-]+/g, "_").slice(0, 60) || "log";
  if (what === "shown")
    download(`${name}.log`, "text/plain", textOf(session.store, view.pane.rows), root);
  else {
    const parts = session.intake.bytes(what) as BlobPart[];
    download(`${name}.${what}.log`, "application/octet-stream", parts, root);
  }
  const kept = session.earlier > 0 ? "; what is not loaded is not in it" : "";
  view.say(`saved${kept}`);
}
