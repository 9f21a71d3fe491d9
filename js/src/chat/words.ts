// The chat's states in words.

import { count, duration } from "../base/format.ts";
import { type Status, statusOf } from "../events/event-status.ts";
import { type Ask, isOpen, type Note, type Tool, type Turn } from "./conversation.ts";
import type { Talk } from "./talk.ts";
import type { Usage } from "./updates.ts";

/** Of a reason, in the state line; all of it stands in the conversation. */
const REASON = 300;

/** The header's state: of the connection first, then of the agent. */
export function chatStatus(talk: Talk): Status {
  const status = statusOf(talk.events.facts);
  const { gone, turns } = talk.conversation;
  const empty = turns.length > 0 ? "" : status.empty.replace(/events?\b/g, "words");
  if (status.sign !== "live") return { ...status, empty };
  if (gone) {
    const line = `The agent is gone: ${gone.slice(0, REASON)}. A devbox with a broker_mount brings it back.`;
    return { ...status, sign: "bad", word: "agent gone", line, empty };
  }
  return { ...status, empty: turns.length > 0 ? "" : "Nothing has been said yet." };
}

/** How a turn stands, and whether that is bad. */
export function turnState(turn: Turn, stopping: boolean): { word: string; bad: boolean } {
  switch (turn.state) {
    case "queued":
      return { word: "waiting for its turn", bad: false };
    case "running":
      return {
        word: stopping ? "stopping" : waits(turn) ? "waiting for you" : "working",
        bad: false,
      };
    case "failed":
      return { word: "failed", bad: true };
    case "completed":
      return ending(turn.reason);
  }
}

function ending(reason: string): { word: string; bad: boolean } {
  if (reason === "" || reason === "end_turn" || reason === "success")
    return { word: "", bad: false };
  return { word: reason.replaceAll("_", " "), bad: /max|refus|error/.test(reason) };
}

function waits(turn: Turn): boolean {
  return turn.items.some((item) => item.kind === "ask" && item.state === "open");
}

/** `1,204 in · 388 out · $0.0125`. */
export function usageText({ input, output, used, room, costUsd }: Usage): string {
  return [
    input === undefined ? "" : `${count(input)} in`,
    output === undefined ? "" : `${count(output)} out`,
    used === undefined ? "" : contextText(used, room),
    costUsd === undefined ? "" : money(costUsd),
  ]
    .filter(Boolean)
    .join(" · ");
}

function contextText(used: number, room: number | undefined): string {
  const share = room ? ` (${Math.round((100 * used) / room)} %)` : "";
  return `context ${count(used)}${share}`;
}

export function money(dollars: number): string {
  return `$${dollars.toFixed(dollars >= 1 ? 2 : 4)}`;
}

const TOOL_WORDS = new Map([
  ["pending", "waiting"],
  ["in_progress", "running"],
  ["completed", "done"],
  ["failed", "failed"],
  ["stopped", "did not end"],
]);

export function toolWord(status: string): string {
  return TOOL_WORDS.get(status) ?? status;
}

/** How long a tool took; while it runs, nothing until it is worth telling. */
export function toolTime(tool: Tool, now: number): string {
  const end = isOpen(tool.status) ? now : tool.endedMs;
  const ms = end - tool.startedMs;
  return ms > 0 && (!isOpen(tool.status) || ms >= 1000) ? duration(ms) : "";
}

/** What was answered, in the words of the button. */
export function answerText(ask: Ask): string {
  if (ask.state === "open") return "";
  if (ask.state === "closed") return "Not answered; the turn is over.";
  const option = ask.options.find(({ id }) => id === ask.answer);
  return option ? option.name : ask.answer || "Cancelled";
}

export function isNo(ask: Ask): boolean {
  const option = ask.options.find(({ id }) => id === ask.answer);
  return ask.answer === "" || option?.kind.startsWith("reject") === true;
}

export function noteText({ type, text }: Note): string {
  const what = type.replace(".", " ");
  return text ? `${what}: ${text}` : what;
}
