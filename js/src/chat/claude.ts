// Claude's stream-json on an axon: the payload is the message, its `type` the event type.
// Source: the messages of Claude Code's SDK.

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
  type Update,
} from "./updates.ts";

const OPTIONS = [
  { id: "allow", name: "Allow", kind: "allow_once" },
  { id: "reject", name: "Reject", kind: "reject_once" },
];

/** The argument that tells most about a call comes first. */
const TELLING = ["command", "file_path", "path", "pattern", "query", "url", "description"];

/**
 * Reading has a memory: what came in deltas comes again, whole, in the `assistant` message after
 * them, and must not be said twice.
 */
export class ClaudeReader implements Reader {
  readonly #streamed = new Set<string>();

  fromClient({ event_type: type }: EventRecord, fields: Fields): Update[] {
    if (type === "query") return [{ is: "prompt", text: text(object(fields.message).content) }];
    if (type !== "control_response") return [];
    const body = object(fields.response);
    const { behavior } = object(body.response);
    const id = string(body.request_id) ?? "";
    if (typeof behavior !== "string") return [];
    return [{ is: "answer", id, option: behavior === "allow" ? "allow" : "reject" }];
  }

  fromAgent({ event_type: type }: EventRecord, fields: Fields): Update[] {
    switch (type) {
      case "stream_event":
        return this.#delta(object(fields.event));
      case "assistant":
        return list(object(fields.message).content).flatMap((block) => this.#block(object(block)));
      case "user":
        return list(object(fields.message).content).flatMap((block) => toolResult(object(block)));
      case "control_request":
        return permission(fields);
      case "system":
        return fields.subtype === "init" && typeof fields.model === "string"
          ? [{ is: "agent", name: fields.model }]
          : [];
      case "result":
        this.#streamed.clear();
        return [usage(fields)];
    }
    return [];
  }

  #delta(event: Fields): Update[] {
    const delta = object(event.delta);
    if (event.type !== "content_block_delta") return [];
    if (delta.type === "text_delta") {
      this.#streamed.add("text");
      return [{ is: "text", text: string(delta.text) ?? "", thought: false }];
    }
    if (delta.type !== "thinking_delta") return [];
    this.#streamed.add("thinking");
    return [{ is: "text", text: string(delta.thinking) ?? "", thought: true }];
  }

  #block(block: Fields): Update[] {
    const { type } = block;
    if (typeof type === "string" && this.#streamed.delete(type)) return [];
    if (type === "text") return [{ is: "text", text: string(block.text) ?? "", thought: false }];
    if (type === "thinking")
      return [{ is: "text", text: string(block.thinking) ?? "", thought: true }];
    if (type !== "tool_use") return [];
    const name = string(block.name) ?? "a tool";
    const { input } = block;
    return [
      {
        is: "tool",
        id: string(block.id) ?? "",
        title: titleOf(name, input),
        kind: name,
        status: "in_progress",
        input,
        diffs: edits(input),
      },
    ];
  }
}

function toolResult(block: Fields): Update[] {
  if (block.type !== "tool_result") return [];
  return [
    {
      is: "tool",
      id: string(block.tool_use_id) ?? "",
      status: block.is_error ? "failed" : "completed",
      text: text(block.content),
    },
  ];
}

function permission(fields: Fields): AskUpdate[] {
  const request = object(fields.request);
  if (request.subtype !== "can_use_tool") return [];
  return [
    {
      is: "ask",
      id: string(fields.request_id) ?? "",
      title: titleOf(string(request.tool_name) ?? "a tool", request.input),
      options: OPTIONS,
      toolId: string(request.tool_use_id) ?? "",
      input: request.input,
      text: "",
      diffs: edits(request.input),
    },
  ];
}

function usage(fields: Fields): Update {
  const used = object(fields.usage);
  return {
    is: "usage",
    usage: {
      input: number(used.input_tokens),
      output: number(used.output_tokens),
      costUsd: number(fields.total_cost_usd),
    },
  };
}

/** What the editing tools are asked to change, as a difference. */
function edits(input: Json | undefined): Diff[] {
  const fields = object(input);
  const path = string(fields.file_path);
  if (path === undefined) return [];
  const { old_string: before, new_string: after, content } = fields;
  if (typeof before === "string" && typeof after === "string") return [{ path, before, after }];
  return typeof content === "string" ? [{ path, before: null, after: content }] : [];
}

function titleOf(name: string, input: Json | undefined): string {
  const fields = object(input);
  for (const key of TELLING) {
    const value = fields[key];
    if (typeof value === "string") return `${name} ${value}`;
  }
  return name;
}

function text(content: Json | undefined): string {
  if (typeof content === "string") return content;
  return list(content)
    .map(object)
    .filter(({ type }) => type === "text")
    .map((block) => string(block.text) ?? "")
    .join("\n");
}
