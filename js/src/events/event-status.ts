// Each state of the viewer in words: one for the header, one line where it helps.

import { count, date, duration } from "../base/format.ts";
import { type KernelFacts, SNAPSHOT_AFTER_MS } from "../kernel/kernel-facts.ts";
import type { ConnectionState } from "../kernel/protocol.ts";

/** What the state line is made from, of events or of a trace. */
export interface StateFacts extends KernelFacts {
  stat: { state: ConnectionState } | null;
  /** How many events or entries are here. */
  size: number;
}

export interface Status {
  /** Colour and shape of the sign in the header. */
  sign: "live" | "busy" | "off" | "warn" | "bad";
  /** For the header. */
  word: string;
  /** A line of its own under the header; "" for none. */
  line: string;
  /** The kernel can be asked to try at once. */
  retry: boolean;
  /** In place of rows, while there are none. */
  empty: string;
}

const NOTHING_YET = "No events yet.";

/** The state line for these facts. Worse news go first: a dead kernel is not "live". */
export function statusOf(facts: StateFacts): Status {
  if (facts.error)
    return failed("widget failed", facts.error, "Reload the page or run the cell again.");
  if (facts.snapshot !== null && !facts.gone) return snapshot(facts.snapshot, facts.inFile);
  if (!facts.answered) return beforeAnswer(facts);
  if (facts.bye) return closed(facts.bye);
  if (facts.gone) {
    return quiet(
      "warn",
      "kernel gone",
      "The kernel was restarted or shut down. Run the cell for live events.",
    );
  }
  if (facts.silent) {
    const line = `No message from the kernel for ${duration(facts.silentMs)}. What is here stays usable.`;
    return quiet("warn", "kernel silent", line);
  }
  return ofState(facts);
}

function ofState({ stat, retryIn, size }: StateFacts): Status {
  const state = stat?.state;
  switch (state?.name) {
    case undefined:
    case "connecting":
      return { ...quiet("busy", "connecting", ""), empty: "Connecting to the axon …" };
    case "replaying":
      return {
        ...quiet("busy", replayed(state.done, state.total), state.reason ?? ""),
        empty: "Reading the history …",
      };
    case "live":
      return {
        ...quiet("live", "live", state.reason ?? ""),
        empty: `${NOTHING_YET} They appear here as they are published.`,
      };
    case "reconnecting":
      return reconnecting(state.reason, retryIn, state.attempt);
    case "paused":
      return quiet("off", "paused", state.reason ?? "");
    case "ended":
      return {
        ...quiet("off", "ended", state.reason ?? ""),
        empty: "The stream ended without events.",
      };
    case "failed":
      return failed("failed", state.reason ?? "The stream failed.", state.way_out ?? "", size);
  }
}

function replayed(done = 0, total = 0): string {
  return total > 0 ? `replaying ${count(done)} of ${count(total)}` : `replaying ${count(done)}`;
}

function reconnecting(reason = "", retryIn = 0, attempt = 1): Status {
  const when = retryIn >= 500 ? `next attempt in ${duration(retryIn)}` : "trying now";
  const tries = attempt > 1 ? ` (attempt ${attempt})` : "";
  const line = [reason, `${when}${tries}`].filter(Boolean).join(" · ");
  return { sign: "warn", word: "reconnecting", line, retry: true, empty: NOTHING_YET };
}

function failed(word: string, reason: string, wayOut: string, size = 0): Status {
  const line = [reason, wayOut].filter(Boolean).join(" ");
  return { sign: "bad", word, line, retry: false, empty: size > 0 ? "" : "Nothing was received." };
}

function snapshot(taken: number, inFile: boolean): Status {
  const line = `Saved ${date(taken)}.${inFile ? "" : " Run the cell for live events."}`;
  return { ...quiet("off", "snapshot", line), empty: "The snapshot holds no events." };
}

function beforeAnswer(facts: StateFacts): Status {
  if (facts.age < SNAPSHOT_AFTER_MS)
    return { ...quiet("busy", "connecting", ""), empty: "Waiting for the kernel …" };
  return {
    ...quiet(
      "warn",
      "no kernel",
      "No message from the kernel yet. If it is not running, run the cell.",
    ),
    empty: NOTHING_YET,
  };
}

function closed(reason: NonNullable<StateFacts["bye"]>): Status {
  if (reason === "ended") return quiet("off", "ended", "");
  if (reason === "replaced")
    return quiet("off", "closed", "A newer viewer of this cell took over.");
  return quiet("off", "closed", "");
}

function quiet(sign: Status["sign"], word: string, line: string): Status {
  return { sign, word, line, retry: false, empty: NOTHING_YET };
}
