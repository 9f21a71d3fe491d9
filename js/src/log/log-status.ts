// Each state of a command and of the connection in words.

import { date, duration, stopwatch } from "../base/format.ts";
import { SNAPSHOT_AFTER_MS } from "../kernel/kernel-facts.ts";
import type { Facts } from "./log-session.ts";

export interface Status {
  /** Colour and shape of the sign in the header. */
  sign: "live" | "busy" | "off" | "warn" | "bad" | "done";
  /** For the header: "running 00:41", "exit 1 · 3.4 s". */
  word: string;
  /** A line of its own under the header; "" for none. */
  line: string;
  /** The kernel can be asked to try at once. */
  retry: boolean;
  /** In place of lines, while there are none. */
  empty: string;
}

/** Worse news go first: a dead kernel's command is not "running". */
export function statusOf(facts: Facts): Status {
  if (facts.error) return quiet("bad", "widget failed", `${facts.error} Run the cell again.`);
  if (facts.snapshot !== null && !facts.gone) {
    const run = facts.inFile ? "" : " Run the cell for live output.";
    const line = `Saved ${date(facts.snapshot)}.${run}`;
    return { ...outcome(facts), line, empty: "The command printed nothing." };
  }
  if (!facts.answered) return beforeAnswer(facts);
  if (facts.stat?.status === "completed") return completed(facts);
  return troubled(facts) ?? ofCommand(facts);
}

/** What stands in the way of knowing how the command stands; null for nothing. */
function troubled(facts: Facts): Status | null {
  if (facts.bye) {
    const replaced = facts.bye === "replaced" ? "A newer log of this cell took over." : "";
    return quiet("off", "closed", replaced);
  }
  if (facts.gone) {
    const line = "The kernel was restarted or shut down; the command may still run.";
    return quiet("warn", "kernel gone", `${line} Run the cell to follow it again.`);
  }
  if (facts.silent) {
    return quiet("warn", "kernel silent", "No message from the kernel. What is here stays usable.");
  }
  return ofState(facts);
}

function ofState({ stat, retryIn }: Facts): Status | null {
  const state = stat?.state;
  if (state?.name === "reconnecting") {
    const when = retryIn >= 500 ? `next attempt in ${duration(retryIn)}` : "trying now";
    const line = [state.reason, when].filter(Boolean).join(" · ");
    return { ...quiet("warn", "reconnecting", line), retry: true };
  }
  if (state?.name === "failed") {
    const line = [state.reason, state.way_out].filter(Boolean).join(" ");
    return { ...quiet("bad", "failed", line), empty: "Nothing was received." };
  }
  return null;
}

function ofCommand({ stat, ranMs }: Facts): Status {
  if (!stat || stat.status === "queued") {
    const word = stat ? "queued" : "connecting";
    return { ...quiet("busy", word, ""), empty: "Waiting for the command to start …" };
  }
  const word = ranMs === null ? "running" : `running ${stopwatch(ranMs)}`;
  return { ...quiet("live", word, stat.note), empty: "No output yet." };
}

function completed(facts: Facts): Status {
  const trouble = ofState(facts);
  return {
    ...outcome(facts),
    line: trouble?.line ?? facts.stat?.note ?? "",
    retry: trouble?.retry ?? false,
  };
}

function outcome({ stat, ranMs }: Facts): Status {
  const took = ranMs === null ? "" : ` · ${duration(ranMs)}`;
  const exit = stat?.exit_status ?? null;
  const sign = exit === 0 ? "done" : exit === null ? "off" : "bad";
  const word = `${exitWord(exit)}${took}`;
  return { sign, word, line: "", retry: false, empty: "The command printed nothing." };
}

const SIGNALS: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
};

/** exit 1, SIGKILL (137): shells report a signal as 128 plus its number, Python as its negative. */
export function exitWord(exit: number | null): string {
  if (exit === null) return "ended";
  const signal = SIGNALS[exit < 0 ? -exit : exit - 128];
  return signal ? `${signal} (${exit})` : `exit ${exit}`;
}

function beforeAnswer(facts: Facts): Status {
  if (facts.age < SNAPSHOT_AFTER_MS)
    return { ...quiet("busy", "connecting", ""), empty: "Waiting for the kernel …" };
  const line = "No answer from the kernel yet. If it is not running, run the cell.";
  return quiet("warn", "no kernel", line);
}

function quiet(sign: Status["sign"], word: string, line: string): Status {
  return { sign, word, line, retry: false, empty: "No output yet." };
}
