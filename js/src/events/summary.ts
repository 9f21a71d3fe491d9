// One readable line per event.
//
// Agents behind a broker speak the Agent Client Protocol (`session/update` …) or Claude's
// stream-json (`assistant`, `result` …); around them are turn, broker and devbox events. Every
// field is treated as optional: what does not look as expected is shown as plain JSON.

import { duration } from "../base/format.ts";
import { ExactNumber, type Json, parseJson } from "../base/json.ts";
import { nested, preview } from "../base/preview.ts";

export interface Summary {
  /** A few words that say what it is: a tool's name, "end_turn". May be empty. */
  lead: string;
  text: string;
  tone: "" | "bad" | "good" | "quiet" | "said";
  /** `lead` is only an id: what opened the pair has the name. */
  unnamed?: boolean;
  /** Of a plain JSON object: its fields, for showing names and values apart. */
  fields?: readonly (readonly [string, string])[];
}

const LIMIT = 400;
const FIELDS = 12;
/** A larger payload is not parsed for its line. */
const PARSE_LIMIT = 200_000;

type Maker = (payload: Json, origin: string) => Summary | null;

/** The line of an event. */
export function summarize(type: string, origin: string, payload: string): Summary {
  if (payload === "") return line("", "", "quiet");
  if (payload.length > PARSE_LIMIT) return line("", payload.slice(0, LIMIT), "");
  const parsed = parseJson(payload);
  if (parsed === undefined) return line("", payload, type === "broker.error" ? "bad" : "");
  const known = makerOf(type)?.(parsed, origin);
  return known ?? plainSummary(parsed);
}

function plainSummary(value: Json): Summary {
  const summary = line("", preview(value), "");
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return summary;
  if (Array.isArray(value)) return summary;
  const fields = Object.entries(value)
    .slice(0, FIELDS)
    .map(
      ([key, item]) =>
        [
          key.slice(0, 60),
          typeof item === "string" ? item.slice(0, 120) : nested(item, 120),
        ] as const,
    );
  return { ...summary, fields };
}

/** The text that a piece of a stream adds; folded rows join these. */
export function deltaText(payload: string): string {
  const value = parseJson(payload);
  return value === undefined ? payload : deltaIn(value);
}

function deltaIn(value: Json): string {
  if (typeof value === "string") return value;
  const paths = [
    ["update", "content", "text"],
    ["event", "delta", "text"],
    ["event", "delta", "thinking"],
    ["event", "delta", "partial_json"],
    ["delta", "text"],
    ["content", "text"],
    ["chunk", "text"],
    ["text"],
    ["delta"],
    ["content"],
    ["chunk"],
    ["message"],
  ];
  for (const path of paths) {
    const found = at(value, ...path);
    if (typeof found === "string") return found;
  }
  return "";
}

function makerOf(type: string): Maker | undefined {
  const direct = MAKERS.get(type);
  if (direct) return direct;
  const older = /^turn\.(?:acp|claude)\.(.+)$/.exec(type);
  if (older) return MAKERS.get(older[1]!) ?? MAKERS.get(`session/${older[1]}`);
  if (/^tool([._]?)(call|use)$/.test(type)) return toolCall;
  if (/^tool[._]?(result|output|response)$/.test(type)) return toolResult;
  return undefined;
}

const MAKERS = new Map<string, Maker>([
  ["turn.started", (p) => line("turn started", text(p, "turn_id"), "quiet")],
  ["turn.completed", turnCompleted],
  ["turn.failed", (p) => line("turn failed", text(p, "error") || text(p, "stop_reason"), "bad")],
  ["turn.cancelled", (p) => line("turn cancelled", text(p, "turn_id"), "quiet")],
  ["turn.message_chunk", (p) => said(deltaOf(p))],
  ["turn.delta", (p) => said(deltaOf(p))],
  ["broker.error", (p) => line("broker", text(p, "message") || preview(p), "bad")],
  ["agent.error", (p) => line(text(p, "type") || "agent", text(p, "message") || preview(p), "bad")],
  ["agent.log", (p) => line(text(p, "log_type"), text(p, "message") || preview(p), "quiet")],
  ["devbox.running", devbox],
  ["devbox.suspended", devbox],
  ["devbox.resumed", devbox],
  ["devbox.shutdown", devbox],
  ["devbox.failed", (p) => line(text(p, "devbox_id"), text(p, "reason"), "bad")],
  ["initialize", initialize],
  ["session/new", sessionNew],
  ["session/prompt", sessionPrompt],
  ["session/cancel", (p) => line("cancel", text(p, "sessionId"), "quiet")],
  ["session/update", sessionUpdate],
  ["session/request_permission", permission],
  ["fs/read_text_file", fileAccess],
  ["fs/write_text_file", fileAccess],
  ["query", claudeUser],
  ["user", claudeUser],
  ["assistant", claudeAssistant],
  ["system", claudeSystem],
  ["result", claudeResult],
  ["stream_event", claudeStream],
  ["control_request", controlRequest],
  ["control_response", controlResponse],
]);

function turnCompleted(p: Json): Summary {
  const usage = at(p, "usage");
  const reason = text(p, "stop_reason");
  return line("turn completed", [reason, usageText(usage)].filter(Boolean).join(" · "), "good");
}

function devbox(p: Json): Summary {
  return line(text(p, "devbox_id"), text(p, "reason"), "quiet");
}

function initialize(p: Json, origin: string): Summary {
  const name = text(p, "clientInfo", "name") || text(p, "agentInfo", "name");
  const version = text(p, "protocolVersion");
  const who = origin === "AGENT_EVENT" ? "agent" : "client";
  return line(who, [name, version && `protocol ${version}`].filter(Boolean).join(" · "), "quiet");
}

function sessionNew(p: Json): Summary {
  return line(text(p, "sessionId"), text(p, "cwd"), "quiet");
}

function sessionPrompt(p: Json): Summary | null {
  const stop = text(p, "stopReason");
  if (stop) return line(stop, usageText(at(p, "usage")), stop === "end_turn" ? "good" : "");
  const message = text(p, "message");
  if (message) return line(text(p, "code"), message, "bad");
  const blocks = blockTexts(at(p, "prompt"));
  return blocks ? said(blocks) : null;
}

function sessionUpdate(p: Json): Summary | null {
  const update = at(p, "update") ?? p;
  const kind = text(update, "sessionUpdate");
  if (kind.endsWith("_chunk")) {
    const words = deltaIn({ update });
    const tone = kind === "agent_thought_chunk" ? "quiet" : "said";
    return line(tone === "quiet" ? "thinks" : "", words || blockText(at(update, "content")), tone);
  }
  if (kind === "tool_call" || kind === "tool_call_update") return acpTool(update);
  if (kind === "plan") return plan(update);
  if (kind === "current_mode_update") return line("mode", text(update, "currentModeId"), "quiet");
  if (kind === "available_commands_update") {
    return line("commands", names(at(update, "availableCommands")), "quiet");
  }
  if (kind === "usage_update")
    return line("usage", preview(omit(update, "sessionUpdate")), "quiet");
  return kind ? line(kind, preview(omit(update, "sessionUpdate")), "quiet") : null;
}

function acpTool(update: Json): Summary {
  const status = text(update, "status");
  const name = text(update, "title") || text(update, "kind") || text(update, "toolCallId");
  const content = blockTexts(at(update, "content"));
  const input = at(update, "rawInput");
  const detail = content || (input === undefined ? "" : argumentText(input));
  const tone = status === "failed" ? "bad" : status === "completed" ? "good" : "";
  const summary = line(name, [status, detail].filter(Boolean).join(" · "), tone);
  return text(update, "title") ? summary : { ...summary, unnamed: true };
}

function plan(update: Json): Summary {
  const entries = list(at(update, "entries"));
  const done = entries.filter((entry) => text(entry, "status") === "completed").length;
  const current = entries.find((entry) => text(entry, "status") === "in_progress") ?? entries[done];
  return line(
    "plan",
    `${done} of ${entries.length} · ${current ? text(current, "content") : "done"}`,
    "",
  );
}

function permission(p: Json): Summary | null {
  const outcome = text(p, "outcome", "outcome");
  if (outcome) {
    const option = text(p, "outcome", "optionId");
    return line(outcome, option, outcome === "cancelled" ? "quiet" : "good");
  }
  const options = names(at(p, "options"));
  const call = text(p, "toolCall", "title") || text(p, "toolCall", "toolCallId");
  return call || options ? line("asks", [call, options].filter(Boolean).join(" · "), "") : null;
}

function fileAccess(p: Json): Summary | null {
  const path = text(p, "path");
  return path ? line("", path, "") : null;
}

function claudeUser(p: Json): Summary | null {
  const content = at(p, "message", "content");
  if (typeof content === "string") return said(content);
  const result = list(content).find((block) => text(block, "type") === "tool_result");
  if (result) {
    const failed = at(result, "is_error") === true;
    const inner = at(result, "content");
    const words = typeof inner === "string" ? inner : blockTexts(inner);
    return line(failed ? "tool failed" : "tool result", words, failed ? "bad" : "good");
  }
  const words = blockTexts(content);
  return words ? said(words) : null;
}

function claudeAssistant(p: Json): Summary | null {
  const blocks = list(at(p, "message", "content"));
  const tool = blocks.find((block) => text(block, "type") === "tool_use");
  if (tool) return line(text(tool, "name"), argumentText(at(tool, "input")), "");
  const words = blockTexts(blocks);
  if (words) return said(words);
  const thought = blocks
    .map((block) => text(block, "thinking"))
    .join(" ")
    .trim();
  return thought ? line("thinks", thought, "quiet") : null;
}

function claudeSystem(p: Json): Summary | null {
  const subtype = text(p, "subtype");
  if (!subtype) return null;
  return line(subtype, [text(p, "model"), text(p, "cwd")].filter(Boolean).join(" · "), "quiet");
}

function claudeResult(p: Json): Summary {
  const failed = at(p, "is_error") === true;
  const cost = at(p, "total_cost_usd");
  const facts = [
    text(p, "result"),
    number(at(p, "duration_ms"), (ms) => duration(ms)),
    number(at(p, "num_turns"), (n) => `${n} turns`),
    number(cost, (usd) => `$${usd.toFixed(4)}`),
    usageText(at(p, "usage")),
  ];
  return line(text(p, "subtype"), facts.filter(Boolean).join(" · "), failed ? "bad" : "good");
}

function claudeStream(p: Json): Summary {
  const words = deltaIn(p);
  return words ? said(words) : line(text(p, "event", "type"), "", "quiet");
}

function controlRequest(p: Json): Summary {
  const request = at(p, "request") ?? p;
  const tool = text(request, "tool_name");
  const input = at(request, "input");
  const detail = tool ? `${tool} ${input === undefined ? "" : argumentText(input)}` : "";
  return line(text(request, "subtype"), detail.trim(), tool ? "" : "quiet");
}

function controlResponse(p: Json): Summary {
  const response = at(p, "response") ?? p;
  const behavior = text(response, "response", "behavior");
  const error = text(response, "error");
  return line(text(response, "subtype"), error || behavior, error ? "bad" : "quiet");
}

function toolCall(p: Json): Summary | null {
  const name = text(p, "name") || text(p, "tool") || text(p, "tool_name") || text(p, "title");
  if (!name) return null;
  const input = at(p, "input") ?? at(p, "arguments") ?? at(p, "args") ?? at(p, "parameters");
  return line(name, input === undefined ? "" : argumentText(input), "");
}

function toolResult(p: Json): Summary | null {
  const exit = at(p, "exit_code") ?? at(p, "exit_status") ?? at(p, "exit");
  const output = at(p, "output") ?? at(p, "content") ?? at(p, "result");
  const failed = at(p, "is_error") === true || (typeof exit === "number" && exit !== 0);
  if (exit === undefined && output === undefined) return null;
  const words =
    typeof output === "string"
      ? output
      : blockTexts(output) || (output === undefined ? "" : preview(output));
  return line(exit === undefined ? "" : `exit ${String(exit)}`, words, failed ? "bad" : "good");
}

// ---- reading JSON of any shape ----------------------------------------------------------------

function at(value: Json | undefined, ...path: string[]): Json | undefined {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || here instanceof ExactNumber) return undefined;
    if (Array.isArray(here) || !Object.hasOwn(here, key)) return undefined;
    here = here[key];
  }
  return here;
}

/** The value at a path if it can be read as a word; "" otherwise. */
function text(value: Json | undefined, ...path: string[]): string {
  const found = at(value, ...path);
  if (typeof found === "string") return found;
  if (typeof found === "number") return String(found);
  return found instanceof ExactNumber ? found.digits : "";
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function number(value: Json | undefined, write: (value: number) => string): string {
  return typeof value === "number" ? write(value) : "";
}

function names(value: Json | undefined): string {
  return list(value)
    .map((item) => text(item, "name") || text(item, "optionId"))
    .filter(Boolean)
    .join(", ");
}

function blockTexts(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return list(value).map(blockText).filter(Boolean).join(" ");
}

/** The words of a content block, or its kind if it has none. */
function blockText(block: Json | undefined): string {
  const words = text(block, "text") || text(block, "content", "text");
  if (words) return words;
  const path = text(block, "path");
  if (path) return path;
  const kind = text(block, "type");
  return kind && kind !== "text" && kind !== "thinking" ? `[${kind}]` : "";
}

/** Arguments of a tool: the one that matters alone, all of them otherwise. */
function argumentText(input: Json | undefined): string {
  if (typeof input === "string") return input;
  for (const key of ["command", "cmd", "file_path", "path", "query", "pattern", "url", "prompt"]) {
    const found = text(input, key);
    if (found) return found;
  }
  return input === undefined ? "" : preview(input);
}

function usageText(usage: Json | undefined): string {
  const read = (...keys: string[]) => keys.map((key) => text(usage, key)).find(Boolean);
  const input = read("input_tokens", "inputTokens", "in");
  const output = read("output_tokens", "outputTokens", "out");
  return [input && `in ${input}`, output && `out ${output}`].filter(Boolean).join(" · ");
}

function omit(value: Json, key: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (value instanceof ExactNumber) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}

// ---- writing ------------------------------------------------------------------------------------

function deltaOf(p: Json): string {
  return deltaIn(p) || preview(p);
}

function said(words: string): Summary {
  return line("", words, "said");
}

function line(lead: string, words: string, tone: Summary["tone"]): Summary {
  return {
    lead: lead.slice(0, 80),
    text: words.length > LIMIT ? `${words.slice(0, LIMIT)}…` : words,
    tone,
  };
}
