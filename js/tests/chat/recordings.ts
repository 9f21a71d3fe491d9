// Conversations recorded from the real service (record.py), and events made by hand.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Conversation, type Protocol } from "../../src/chat/conversation.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";

export function recording(name: "demo-agent" | "claude"): EventRecord[] {
  const path = fileURLToPath(new URL(`recorded/${name}.jsonl`, import.meta.url));
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as EventRecord);
}

export function folded(events: readonly EventRecord[], protocol: Protocol = "acp"): Conversation {
  const conversation = new Conversation(protocol);
  for (const event of events) conversation.add(event);
  return conversation;
}

const ORIGINS = { agent: "AGENT_EVENT", user: "USER_EVENT", system: "SYSTEM_EVENT" } as const;

/** Events in their order, ten milliseconds apart. */
export function events(
  ...drafts: [from: keyof typeof ORIGINS, type: string, payload: unknown][]
): EventRecord[] {
  return drafts.map(([from, event_type, payload], at) => ({
    sequence: at + 1,
    axon_id: "axn_1",
    timestamp_ms: 1000 + 10 * at,
    origin: ORIGINS[from],
    source: from,
    event_type,
    payload: typeof payload === "string" ? payload : JSON.stringify(payload),
  }));
}

export function prompt(text: string): ["user", string, unknown] {
  return ["user", "session/prompt", { sessionId: "s", prompt: [{ type: "text", text }] }];
}

export function started(id: string, event_sequence?: number): ["system", string, unknown] {
  return ["system", "turn.started", { turn_id: id, event_sequence }];
}

export function ended(id: string, stop_reason = "end_turn"): ["system", string, unknown] {
  return ["system", "turn.completed", { turn_id: id, stop_reason }];
}

export function update(fields: object): ["agent", string, unknown] {
  return ["agent", "session/update", { sessionId: "s", update: fields }];
}

export function said(text: string): ["agent", string, unknown] {
  return update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
}

export function asked(id: string): ["agent", string, unknown] {
  const options = [
    { optionId: "yes", name: "Yes", kind: "allow_once" },
    { optionId: "no", name: "No", kind: "reject_once" },
  ];
  const toolCall = { toolCallId: id, title: `use ${id}` };
  return ["agent", "session/request_permission", { sessionId: "s", toolCall, options }];
}

export function answered(optionId: string): ["user", string, unknown] {
  return ["user", "session/request_permission", { outcome: { outcome: "selected", optionId } }];
}
