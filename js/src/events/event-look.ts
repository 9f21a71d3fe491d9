// What an event type looks like in the viewer: colour, shape, and how its events hang together.
//
// One `Look` per type, made when the type is first seen; per event only the cheap
// questions are asked (does it continue a text, does it open or close a pair).

import type { EventRecord } from "../kernel/protocol.ts";

/** ● ordinary, ▲ something failed, ○ a heartbeat. */
export type Shape = "plain" | "error" | "quiet";

export interface PairEnd {
  /** What both ends carry, made unique by the kind of pair. */
  key: string;
  end: "open" | "close" | "part";
  /** close: the pair ended badly. */
  failed?: boolean;
}

export interface Look {
  readonly type: string;
  readonly shape: Shape;
  /** 0 … 9, an index into the palette; 8 is grey, 9 is the error colour. */
  readonly hue: number;
  /** What consecutive events of this type must share to fold into one row; "" does not fold. */
  fold(event: EventRecord): string;
  /** The pair this event belongs to. */
  pair(event: EventRecord): PairEnd | null;
}

const QUIET =
  /^(heartbeat|ping|pong|keep-?alive|tick|usage_update)$|[./_](heartbeat|ping|keep-?alive)$/i;
const ERROR = /(^|[._/-])(error|failed|failure|exception|fatal|panic)($|[._/-])/i;
const DELTA = /[._/]?(delta|chunk|message_chunk)$/i;
const TOOL =
  /(^|[._/])tool([._/]?)(call|use|result|end|start|output|response|call_update|execution)s?($|[._/])/i;
const TOOL_END = /(result|end|output|response|update|done|completed)$/i;

/** Groups that keep their colour in every stream; others get one by their name. */
const HUES = new Map([
  ["turn", 0],
  ["session", 0],
  ["tool", 3],
  ["tool_call", 3],
  ["assistant", 1],
  ["agent", 1],
  ["user", 2],
  ["query", 2],
  ["message", 1],
  ["file", 5],
  ["fs", 5],
  ["terminal", 5],
  ["broker", 7],
  ["devbox", 6],
  ["system", 7],
  ["result", 0],
]);

export function lookOf(type: string): Look {
  const shape: Shape = ERROR.test(type) ? "error" : QUIET.test(type) ? "quiet" : "plain";
  return { type, shape, hue: hueOf(type, shape), fold: foldOf(type), pair: pairOf(type) };
}

function hueOf(type: string, shape: Shape): number {
  if (shape === "error") return 9;
  if (shape === "quiet") return 8;
  const group = type.split(/[./:]/, 1)[0] ?? "";
  return HUES.get(group) ?? hash(group) % 8;
}

function hash(text: string): number {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  return value >>> 0;
}

function foldOf(type: string): (event: EventRecord) => string {
  if (type === "session/update") return foldUpdate;
  if (type === "stream_event") return foldStreamEvent;
  if (type === "agent.log")
    return ({ payload }) => (payload.includes('"stderr"') ? "stderr" : "log");
  return DELTA.test(type) ? () => "delta" : () => "";
}

/** Agent Client Protocol: text comes in pieces of one `sessionUpdate`, kept apart by session. */
function foldUpdate({ payload }: EventRecord): string {
  const kind = /"sessionUpdate"\s*:\s*"((?:agent_message|agent_thought|user_message)_chunk)"/.exec(
    payload,
  );
  if (!kind) return "";
  const session = /"sessionId"\s*:\s*"([^"]*)"/.exec(payload);
  return `${kind[1]} ${session?.[1] ?? ""}`;
}

function foldStreamEvent({ payload }: EventRecord): string {
  if (!payload.includes("content_block_delta")) return "";
  const kind = /"type"\s*:\s*"(\w+_delta)"/.exec(payload);
  const parent = /"parent_tool_use_id"\s*:\s*"([^"]*)"/.exec(payload);
  return `${kind?.[1] ?? "delta"} ${parent?.[1] ?? ""}`;
}

function pairOf(type: string): (event: EventRecord) => PairEnd | null {
  if (type === "session/update") return pairUpdate;
  if (type === "assistant")
    return (event) => pairById(event, /"type"\s*:\s*"tool_use"/, '"id"', "open");
  if (type === "user")
    return (event) => pairById(event, /"type"\s*:\s*"tool_result"/, '"tool_use_id"', "close");
  if (/^turn[./_](started|start)$/.test(type)) return (event) => pairTurn(event, "open");
  if (/^turn[./_](completed|failed|cancelled|end|ended)$/.test(type))
    return (event) => pairTurn(event, "close");
  if (TOOL.test(type)) return (event) => pairTool(event, TOOL_END.test(type) ? "close" : "open");
  return () => null;
}

function pairUpdate({ payload }: EventRecord): PairEnd | null {
  const kind = /"sessionUpdate"\s*:\s*"tool_call(_update)?"/.exec(payload);
  const id = kind && /"toolCallId"\s*:\s*"([^"]+)"/.exec(payload)?.[1];
  if (!kind || !id) return null;
  const status = /"status"\s*:\s*"(completed|failed)"/.exec(payload)?.[1];
  const end = status ? "close" : kind[1] ? "part" : "open";
  return { key: `tool ${id}`, end, failed: status === "failed" };
}

/** Claude: the id follows the block's type, in an object of the message's content. */
function pairById(
  event: EventRecord,
  block: RegExp,
  field: string,
  end: PairEnd["end"],
): PairEnd | null {
  const found = block.exec(event.payload);
  if (!found) return null;
  const from = Math.max(0, event.payload.lastIndexOf("{", found.index));
  const id = valueAfter(event.payload, field, from);
  if (!id) return null;
  return { key: `tool ${id}`, end, failed: /"is_error"\s*:\s*true/.test(event.payload) };
}

function pairTurn(event: EventRecord, end: PairEnd["end"]): PairEnd | null {
  const id = valueAfter(event.payload, '"turn_id"', 0);
  if (!id) return null;
  return { key: `turn ${id}`, end, failed: event.event_type.endsWith("failed") };
}

const TOOL_IDS = ["tool_call_id", "toolCallId", "tool_use_id", "call_id", "id"].map(
  (id) => `"${id}"`,
);

function pairTool(event: EventRecord, end: PairEnd["end"]): PairEnd | null {
  for (const field of TOOL_IDS) {
    const id = valueAfter(event.payload, field, 0);
    if (id)
      return {
        key: `tool ${id}`,
        end,
        failed: /"(is_error|failed)"\s*:\s*true/.test(event.payload),
      };
  }
  return null;
}

/** The string or number after `"field":`, without parsing the payload; "" if there is none. */
function valueAfter(payload: string, field: string, from: number): string {
  const at = payload.indexOf(field, from);
  if (at < 0) return "";
  const rest = payload.slice(at + field.length, at + field.length + 200);
  const found = /^\s*:\s*(?:"([^"]*)"|(\d+))/.exec(rest);
  return found?.[1] ?? found?.[2] ?? "";
}
