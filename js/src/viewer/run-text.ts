// The joined text of a folded run.

import type { Store } from "../events/event-store.ts";
import { deltaText } from "../events/summary.ts";
import type { Row } from "./row-index.ts";
import type { Rows } from "./rows.ts";

/** A run longer than this that still grows is shown by its newest end. */
const GROWING = 40;
/** Room for a line; more is for the inspector, which shows a run from its start. */
const LINE = 1000;

/** As much as `room` holds; of a run that still grows, its end. */
export function runText(
  store: Store,
  rows: Rows,
  { position, last }: Pick<Row, "position" | "last">,
  room: number,
): string {
  const grows = rows.isNewest(last) && last - position > GROWING && room < LINE;
  let text = "";
  for (const at of rows.positions(grows ? last - GROWING : position, last)) {
    text += deltaText(store.get(at)?.payload ?? "");
    if (text.length > room && !grows) break;
  }
  return grows ? `… ${text.slice(-room / 2)}` : text;
}
