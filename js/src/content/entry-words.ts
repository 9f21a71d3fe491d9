// The states of entries in words. The snapshot in a saved notebook uses the same ones:
// axon_notebook/widgets/chat_words.py.

import { count, duration, plural } from "../base/format.ts";
import type { Json } from "../base/json.ts";
import type { Question, Session, Tool, Turn, Usage } from "../trace/model.ts";

/** In place of a secret: bullets, as in password boxes; every font has them. */
const MASK = "\u2022\u2022\u2022";

/** How a turn stands, and whether that is bad. */
export function turnState(
  turn: Turn,
  stopping: boolean,
  asks: boolean,
): { word: string; bad: boolean } {
  switch (turn.status) {
    case "queued":
      return { word: "queued", bad: false };
    case "running":
      return { word: stopping ? "stopping" : asks ? "waiting for you" : "working", bad: false };
    case "failed":
      return { word: "failed", bad: true };
    case "cancelled":
      return { word: "cancelled", bad: false };
  }
  const { stop_reason: reason = "" } = turn;
  if (["", "end_turn", "success", "stop", "completed"].includes(reason))
    return { word: "", bad: false };
  return { word: reason.replaceAll("_", " "), bad: /max|refus|error|length/.test(reason) };
}

/** `1,204 in · 388 out · 9,000 cached · $0.0125`. */
export function usageText(usage: Usage, cost: number | null | undefined, currency = ""): string {
  const { input, output, cache_read: read, cache_write: write, thought } = usage;
  const part = (value: number | null | undefined, word: string) =>
    value == null ? "" : `${count(value)} ${word}`;
  return [
    part(input, "in"),
    part(output, "out"),
    part(read || write ? (read ?? 0) + (write ?? 0) : null, "cached"),
    part(thought || null, "thinking"),
    cost == null ? "" : money(cost, currency),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Totals for the header. */
export function totals(turns: readonly Turn[], session: Session | null): string {
  const tokens = turns.reduce(
    (sum, { usage }) => sum + (usage?.input ?? 0) + (usage?.output ?? 0),
    0,
  );
  const { context_used: used, context_size: size, cost, currency } = session ?? {};
  const share = used != null && size ? ` (${Math.round((100 * used) / size)} %)` : "";
  return [
    turns.length > 0 ? plural(turns.length, "turn") : "",
    tokens > 0 ? `${count(tokens)} tokens` : "",
    used == null ? "" : `context ${count(used)}${size ? ` of ${count(size)}` : ""}${share}`,
    cost == null ? "" : money(cost, currency),
  ]
    .filter(Boolean)
    .join(" · ");
}

export function money(amount: number, currency = "USD"): string {
  const digits = amount.toFixed(amount >= 1 ? 2 : 4).replace(/(\.\d\d)0+$/, "$1");
  return currency === "" || currency === "USD" ? `$${digits}` : `${digits} ${currency}`;
}

const TOOL_WORDS = new Map([
  ["pending", "waiting"],
  ["in_progress", "running"],
  ["completed", "done"],
  ["failed", "failed"],
  ["stopped", "stopped without a result"],
]);

export function toolWord(status: string): string {
  return TOOL_WORDS.get(status) ?? status;
}

export const isOpenTool = (status: string): boolean =>
  status === "pending" || status === "in_progress";

/** How long a tool ran; while it runs, nothing until it is worth telling. */
export function toolTime(tool: Tool, now: number): string {
  const isOpen = isOpenTool(tool.status);
  const ms = (isOpen ? now : (tool.ended_ms ?? tool.started_ms)) - tool.started_ms;
  return ms > 0 && (!isOpen || ms >= 1000) ? duration(ms) : "";
}

/** A notice in one line; a kind without dots is only named where there is no text. */
export function noticeText(kind: string, title: string, text: string): string {
  const name = title && title !== kind ? title : kind.replace(/[._]/g, " ");
  const isNamed = kind.includes(".") || (title !== "" && title !== kind) || text === "";
  return [isNamed ? name : "", text].filter(Boolean).join(": ");
}

const ASKED: { readonly [kind: string]: string } = {
  form: "Input requested",
  choice: "Choice requested",
  plan: "Plan for approval",
  url: "Open an address",
};

export function questionTitle(question: Question): string {
  const { question_kind: kind = "permission", title, fields } = question;
  if (kind === "permission") return `Allow ${title || "a tool"}?`;
  // A field says it again.
  if (kind === "choice" && fields?.some((field) => field.title === title)) return ASKED.choice!;
  return title || ASKED[kind] || "Question";
}

/** What was answered, in the words of the button; for a closed question, why there is none. */
export function answerText(question: Question): string {
  const { status, answer, options = [], answered_by: by } = question;
  if (status === "open") return "";
  if (status === "withdrawn") return "Withdrawn: no answer is needed any more.";
  if (status === "expired") return "Not answered: the turn is over.";
  const option = options.find(({ id }) => id === answer);
  const words = option?.name || spoken(question, answer);
  return by && by !== "user" ? `${words} (by the ${by})` : words;
}

function spoken({ fields = [], secret }: Question, answer: Json | undefined): string {
  if (answer == null || answer === "")
    return secret ? "Answered; the value is not shown." : "Answered.";
  if (typeof answer !== "object") return capital(String(answer));
  const known = new Map(fields.map((field) => [field.id, field]));
  const lines = Object.entries(answer).map(([id, value]) => {
    const field = known.get(id);
    const label = (one: Json) =>
      field?.choices?.find((choice) => choice.value === one)?.label ||
      (typeof one === "object" ? JSON.stringify(one) : String(one));
    const text = Array.isArray(value) ? value.map(label).join(", ") : label(value);
    return labelled(field?.title || id, text);
  });
  const hidden = fields
    .filter((field) => field.secret)
    .map(({ id, title }) => labelled(title || id || "", MASK));
  return [...lines, ...hidden].join("\n") || "Answered.";
}

const labelled = (title: string, text: string) =>
  /[?:.!]$/.test(title) ? `${title} ${text}` : `${title}: ${text}`;
const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);

/** Whether a question was answered with no. */
export function isRefusal({ status, answer, options = [] }: Question): boolean {
  if (status !== "answered") return false;
  const option = options.find(({ id }) => id === answer);
  return /^(reject|cancel)/.test(option?.kind ?? "") || /^(declined?|cancel)/.test(String(answer));
}
