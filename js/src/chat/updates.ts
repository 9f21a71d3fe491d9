// What events say about a conversation, whatever the agent's protocol.
//
// The readers (acp.ts, claude.ts) are pure: an event in, updates out. Every field of a payload may
// be missing or of another kind; what is not understood says nothing.

import { type Json, parseJson } from "../base/json.ts";
import type { EventRecord } from "../kernel/protocol.ts";

export interface Diff {
  path: string;
  /** null: the file is new. */
  before: string | null;
  after: string;
}

export interface Step {
  text: string;
  status: string;
}

export interface Option {
  id: string;
  name: string;
  /** Begins with `allow` or `reject`. */
  kind: string;
}

/** News of a tool call; what is undefined is unchanged. */
export interface ToolUpdate {
  is: "tool";
  id: string;
  title?: string | undefined;
  kind?: string | undefined;
  status?: string | undefined;
  input?: Json | undefined;
  output?: Json | undefined;
  text?: string | undefined;
  diffs?: Diff[] | undefined;
  paths?: string[] | undefined;
}

export interface Usage {
  input?: number | undefined;
  output?: number | undefined;
  /** Tokens in the agent's context, and how many it holds. */
  used?: number | undefined;
  room?: number | undefined;
  costUsd?: number | undefined;
}

export interface AskUpdate {
  is: "ask";
  /** The same that the kernel knows the request by. */
  id: string;
  title: string;
  options: Option[];
  toolId: string;
  input?: Json | undefined;
  text: string;
  diffs: Diff[];
}

export type Update =
  | { is: "prompt"; text: string }
  | { is: "text"; text: string; thought: boolean }
  | ToolUpdate
  | { is: "plan"; steps: Step[] }
  | AskUpdate
  /** `option` is "" for cancelled; `id` is "" if the protocol does not tell. */
  | { is: "answer"; id: string; option: string }
  /** `prompt` is the sequence of the prompt, if the broker tells. */
  | { is: "started"; turnId: string; prompt: number | null }
  | { is: "ended"; turnId: string; reason: string; error: string | null }
  /** The agent itself answered the prompt with an error. */
  | { is: "refused"; error: string }
  | { is: "usage"; usage: Usage }
  | { is: "commands"; commands: { name: string; what: string }[] }
  | { is: "agent"; name: string }
  | { is: "log"; text: string }
  | { is: "notice"; kind: string; text: string; fatal: boolean };

export type Fields = { readonly [key: string]: Json };

/** Reads the events of one protocol. A new one begins at the beginning of the history. */
export interface Reader {
  fromAgent(event: EventRecord, fields: Fields): Update[];
  fromClient(event: EventRecord, fields: Fields): Update[];
}

/** After these the agent is another process, or none. */
const GONE = new Set(["devbox.suspended", "devbox.shutdown", "devbox.failed", "broker.error"]);

/** What an event says. */
export function read(event: EventRecord, reader: Reader): Update[] {
  const payload = parseJson(event.payload);
  const fields = object(payload);
  if (event.origin === "SYSTEM_EVENT") return fromSystem(event, fields);
  return event.origin === "AGENT_EVENT"
    ? reader.fromAgent(event, fields)
    : reader.fromClient(event, fields);
}

function fromSystem(event: EventRecord, fields: Fields): Update[] {
  const type = event.event_type;
  const turnId = string(fields.turn_id) ?? "";
  if (type === "turn.started")
    return [{ is: "started", turnId, prompt: number(fields.event_sequence) ?? null }];
  if (type === "turn.completed" || type === "turn.failed") {
    const error = type === "turn.failed" ? (string(fields.error) ?? "no reason given") : null;
    return [{ is: "ended", turnId, reason: string(fields.stop_reason) ?? "", error }];
  }
  const text = string(fields.message) ?? string(fields.reason) ?? plain(event.payload, fields);
  if (type === "agent.log") return [{ is: "log", text }];
  if (!/^(devbox|broker|agent)\./.test(type)) return [];
  return [{ is: "notice", kind: type, text, fatal: GONE.has(type) }];
}

function plain(payload: string, fields: Fields): string {
  return Object.keys(fields).length === 0 ? payload : "";
}

export function object(value: Json | undefined): Fields {
  const known = typeof value === "object" && value !== null && !Array.isArray(value);
  return known ? (value as Fields) : {};
}

export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function string(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function number(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A field by name, whatever the name: `__proto__` is nobody's field. */
export function field(fields: Fields, name: string): Json | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
