// A log as a file: what is shown as text, or a stream's bytes as they came.

import { download } from "../ui/dom.ts";
import type { Display } from "../ui/widget-frame.ts";
import type { Rows } from "./log-rows.ts";
import type { LogSession } from "./log-session.ts";
import type { StreamName } from "./output-store.ts";
import { textOf } from "./text.ts";

/** `title` becomes the file's name; `rows` are what is shown. */
export function save(
  session: LogSession,
  rows: Rows,
  what: "shown" | StreamName,
  title: string,
  display: Display,
): void {
  const { root } = display;
  const name = title.replace(/[^\w.-]+/g, "_").slice(0, 60) || "log";
  if (what === "shown") download(`${name}.log`, "text/plain", textOf(session.store, rows), root);
  else {
    const parts = session.intake.bytes(what) as BlobPart[];
    download(`${name}.${what}.log`, "application/octet-stream", parts, root);
  }
  const kept = session.earlier > 0 ? "; what is not loaded is not in it" : "";
  display.say(`saved${kept}`);
}
