// The Agent Client Protocol on an axon: the event type is the method, the payload its params or
// its result. Source: Agent Client Protocol, schema v1.

import type { Json } from "../base/json.ts";
import type { EventRecord } from "../kernel/protocol.ts";
import {
  type AskUpdate,
  type Diff,
  type Fields,
  list,
  number,
  object,
  type Reader,
  string,
  type ToolUpdate,
  type Update,
} from "./updates.ts";

const PERMISSION = "session/request_permission";

export class AcpReader implements Reader {
  fromClient({ event_type: type }: EventRecord, fields: Fields): Update[] {
    if (type === "session/prompt") {
      return [{ is: "prompt", text: list(fields.prompt).map(block).join("\n") }];
    }
    if (type !== PERMISSION) return [];
    return [{ is: "answer", id: "", option: string(object(fields.outcome).optionId) ?? "" }];
  }

  fromAgent(event: EventRecord, fields: Fields): Update[] {
    switch (event.event_type) {
      case "session/update":
        return sessionUpdate(object(fields.update));
      case PERMISSION:
        return [permission(event.sequence, fields)];
      case "session/prompt":
        return promptAnswer(fields);
      case "initialize": {
        const info = object(fields.agentInfo);
        const name = string(info.title) ?? string(info.name);
        return name ? [{ is: "agent", name }] : [];
      }
    }
    return [];
  }
}

function promptAnswer(fields: Fields): Update[] {
  if (number(fields.code) !== undefined)
    return [{ is: "refused", error: string(fields.message) ?? "no reason given" }];
  const usage = object(fields.usage);
  const input = number(usage.inputTokens);
  const output = number(usage.outputTokens);
  if (input === undefined && output === undefined) return [];
  return [{ is: "usage", usage: { input, output } }];
}

function sessionUpdate(update: Fields): Update[] {
  switch (update.sessionUpdate) {
    case "agent_message_chunk":
      return [{ is: "text", text: block(update.content ?? null), thought: false }];
    case "agent_thought_chunk":
      return [{ is: "text", text: block(update.content ?? null), thought: true }];
    case "tool_call":
    case "tool_call_update":
      return [tool(update)];
    case "plan":
      return [{ is: "plan", steps: list(update.entries).map(step) }];
    case "usage_update":
      return [usage(update)];
    case "available_commands_update":
      return [{ is: "commands", commands: list(update.availableCommands).map(command) }];
  }
  return [];
}

function tool(update: Fields): ToolUpdate {
  const { content } = update;
  return {
    is: "tool",
    id: string(update.toolCallId) ?? "",
    title: string(update.title),
    kind: string(update.kind),
    status: string(update.status),
    input: update.rawInput ?? undefined,
    output: update.rawOutput ?? undefined,
    text: Array.isArray(content) ? texts(content) : undefined,
    diffs: Array.isArray(content) ? diffs(content) : undefined,
    paths: Array.isArray(update.locations)
      ? update.locations.map((item) => string(object(item).path) ?? "")
      : undefined,
  };
}

function permission(sequence: number, fields: Fields): AskUpdate {
  const call = object(fields.toolCall);
  return {
    is: "ask",
    id: String(sequence),
    title: string(call.title) ?? string(call.kind) ?? "use a tool",
    options: list(fields.options)
      .map(object)
      .map((option) => ({
        id: string(option.optionId) ?? "",
        name: string(option.name) ?? string(option.optionId) ?? "",
        kind: string(option.kind) ?? "",
      })),
    toolId: string(call.toolCallId) ?? "",
    input: call.rawInput ?? undefined,
    text: texts(list(call.content)),
    diffs: diffs(list(call.content)),
  };
}

function usage(update: Fields): Update {
  const cost = object(update.cost);
  const costUsd = cost.currency === "USD" ? number(cost.amount) : undefined;
  return {
    is: "usage",
    usage: { used: number(update.used), room: number(update.size), costUsd },
  };
}

function step(entry: Json): { text: string; status: string } {
  const fields = object(entry);
  return { text: string(fields.content) ?? "", status: string(fields.status) ?? "pending" };
}

function command(item: Json): { name: string; what: string } {
  const fields = object(item);
  return { name: string(fields.name) ?? "", what: string(fields.description) ?? "" };
}

/** The text of a content block; other kinds are named in brackets. */
function block(content: Json): string {
  const fields = object(content);
  if (fields.type === "text") return string(fields.text) ?? "";
  if (fields.type === "resource") {
    const resource = object(fields.resource);
    return string(resource.text) ?? `[${string(resource.uri) ?? "resource"}]`;
  }
  const type = string(fields.type);
  const name = string(fields.uri) ?? string(fields.name) ?? string(fields.mimeType) ?? "";
  return type ? `[${`${type} ${name}`.trim()}]` : "";
}

function texts(content: readonly Json[]): string {
  return content
    .map(object)
    .filter(({ type }) => type === "content")
    .map((item) => block(item.content ?? null))
    .join("\n");
}

function diffs(content: readonly Json[]): Diff[] {
  return content
    .map(object)
    .filter(({ type }) => type === "diff")
    .map((item) => ({
      path: string(item.path) ?? "",
      before: string(item.oldText) ?? null,
      after: string(item.newText) ?? "",
    }));
}
