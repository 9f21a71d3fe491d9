import { describe, expect, test } from "vitest";
import { duration } from "../../src/base/format.ts";
import { preview } from "../../src/base/preview.ts";
import { deltaText, summarize } from "../../src/events/summary.ts";

const AGENT = "AGENT_EVENT";
const USER = "USER_EVENT";
const SYSTEM = "SYSTEM_EVENT";

function read(type: string, payload: unknown, origin = AGENT): string {
  const { lead, text, tone } = summarize(
    type,
    origin,
    typeof payload === "string" ? payload : JSON.stringify(payload),
  );
  return [tone && `[${tone}]`, lead && `${lead}:`, text].filter(Boolean).join(" ");
}

const update = (body: object) => ({ sessionId: "s", update: body });
const words = (text: string) => ({ type: "text", text });

describe("one line per event", () => {
  test.each([
    ["turn.started", { turn_id: "t1" }, SYSTEM, "[quiet] turn started: t1"],
    [
      "turn.completed",
      { turn_id: "t1", stop_reason: "end_turn" },
      SYSTEM,
      "[good] turn completed: end_turn",
    ],
    ["turn.failed", { turn_id: "t1", error: "no memory" }, SYSTEM, "[bad] turn failed: no memory"],
    [
      "broker.error",
      { message: "no such binary: opencode" },
      SYSTEM,
      "[bad] broker: no such binary: opencode",
    ],
    ["broker.error", "just text", SYSTEM, "[bad] just text"],
    ["devbox.suspended", { devbox_id: "dbx_1", reason: "idle" }, SYSTEM, "[quiet] dbx_1: idle"],
    ["devbox.failed", { devbox_id: "dbx_1", reason: "oom" }, SYSTEM, "[bad] dbx_1: oom"],
    ["agent.log", { log_type: "stderr", message: "warn" }, SYSTEM, "[quiet] stderr: warn"],
    [
      "initialize",
      { protocolVersion: 1, clientInfo: { name: "zed" } },
      USER,
      "[quiet] client: zed · protocol 1",
    ],
    ["session/new", { sessionId: "s1" }, AGENT, "[quiet] s1:"],
    ["session/prompt", { prompt: [words("Fix"), words("it")] }, USER, "[said] Fix it"],
    ["session/prompt", { stopReason: "end_turn" }, AGENT, "[good] end_turn:"],
    ["session/prompt", { code: -32000, message: "busy" }, AGENT, "[bad] -32000: busy"],
    [
      "session/update",
      update({ sessionUpdate: "agent_message_chunk", content: words("Hello") }),
      AGENT,
      "[said] Hello",
    ],
    [
      "session/update",
      update({ sessionUpdate: "agent_thought_chunk", content: words("hm") }),
      AGENT,
      "[quiet] thinks: hm",
    ],
    [
      "session/update",
      update({
        sessionUpdate: "tool_call",
        toolCallId: "c",
        title: "Run",
        status: "pending",
        rawInput: { command: "ls" },
      }),
      AGENT,
      "Run: pending · ls",
    ],
    [
      "session/update",
      update({
        sessionUpdate: "tool_call_update",
        toolCallId: "c",
        status: "failed",
        content: [{ type: "content", content: words("boom") }],
      }),
      AGENT,
      "[bad] c: failed · boom",
    ],
    [
      "session/update",
      update({
        sessionUpdate: "plan",
        entries: [
          { content: "a", status: "completed" },
          { content: "b", status: "pending" },
        ],
      }),
      AGENT,
      "plan: 1 of 2 · b",
    ],
    [
      "session/update",
      update({ sessionUpdate: "current_mode_update", currentModeId: "code" }),
      AGENT,
      "[quiet] mode: code",
    ],
    [
      "session/update",
      update({ sessionUpdate: "something_new", a: 1 }),
      AGENT,
      "[quiet] something_new: a: 1",
    ],
    [
      "session/request_permission",
      { toolCall: { title: "rm" }, options: [{ optionId: "y", name: "Allow" }] },
      AGENT,
      "asks: rm · Allow",
    ],
    [
      "session/request_permission",
      { outcome: { outcome: "selected", optionId: "y" } },
      USER,
      "[good] selected: y",
    ],
    ["fs/read_text_file", { path: "/a.py" }, AGENT, "/a.py"],
    ["query", { type: "user", message: { content: "Hi" } }, USER, "[said] Hi"],
    ["assistant", { message: { content: [words("Yes.")] } }, AGENT, "[said] Yes."],
    [
      "assistant",
      { message: { content: [{ type: "tool_use", name: "Bash", input: { command: "ls -la" } }] } },
      AGENT,
      "Bash: ls -la",
    ],
    [
      "user",
      { message: { content: [{ type: "tool_result", content: "ok" }] } },
      AGENT,
      "[good] tool result: ok",
    ],
    [
      "user",
      { message: { content: [{ type: "tool_result", is_error: true, content: [words("no")] }] } },
      AGENT,
      "[bad] tool failed: no",
    ],
    ["system", { subtype: "init", model: "opus", cwd: "/w" }, AGENT, "[quiet] init: opus · /w"],
    [
      "result",
      {
        subtype: "success",
        is_error: false,
        result: "Done",
        duration_ms: 4200,
        total_cost_usd: 0.01234,
      },
      AGENT,
      "[good] success: Done · 4.2 s · $0.0123",
    ],
    [
      "stream_event",
      { event: { type: "content_block_delta", delta: { type: "text_delta", text: "He" } } },
      AGENT,
      "[said] He",
    ],
    [
      "control_request",
      { request: { subtype: "can_use_tool", tool_name: "Bash", input: { command: "rm x" } } },
      AGENT,
      "can_use_tool: Bash rm x",
    ],
    [
      "control_response",
      { response: { subtype: "success", response: { behavior: "allow" } } },
      USER,
      "[quiet] success: allow",
    ],
    ["tool.call", { name: "bash", args: { cmd: "pytest" } }, AGENT, "bash: pytest"],
    ["tool.result", { exit: 1, output: "2 failed" }, AGENT, "[bad] exit 1: 2 failed"],
    [
      "turn.acp.session/update",
      update({ sessionUpdate: "agent_message_chunk", content: words("old") }),
      AGENT,
      "[said] old",
    ],
    ["webhook", { action: "push", n: 3 }, "EXTERNAL_EVENT", 'action: "push"  n: 3'],
    ["note", "free text", USER, "free text"],
    ["note", "", USER, "[quiet]"],
    ["note", [1, "two", null], USER, '[1, "two", null]'],
  ])("%s %j by %s reads %s", (type, payload, origin, line) => {
    expect(read(type, payload, origin)).toBe(line);
  });

  // Every field is optional, and every payload may be of any shape.
  test.each([
    "turn.started",
    "session/update",
    "session/prompt",
    "assistant",
    "user",
    "result",
    "control_request",
    "plan",
    "tool.call",
    "stream_event",
  ])("%s of an unexpected shape is shown, not thrown", (type) => {
    for (const payload of [
      "null",
      "[]",
      "{}",
      "7",
      '"x"',
      '{"update":[]}',
      '{"message":null}',
      '{"message":{"content":[null,7]}}',
      "{",
    ]) {
      expect(() => summarize(type, AGENT, payload)).not.toThrow();
    }
  });

  test("numbers that JavaScript cannot hold keep their digits", () => {
    expect(read("note", '{"id":9007199254740993,"f":0.1}')).toBe("id: 9007199254740993  f: 0.1");
  });

  test("a preview is bounded however large the value is", () => {
    const wide = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`key${i}`, "x".repeat(50)]),
    );

    expect(preview(wide).length).toBeLessThan(1000);
    expect(summarize("note", USER, JSON.stringify("y".repeat(5000))).text.length).toBeLessThan(500);
  });
});

describe("pieces and durations", () => {
  test("the text of a piece is found in all shapes", () => {
    expect(deltaText('{"update":{"content":{"text":"a"}}}')).toBe("a");
    expect(deltaText('{"event":{"delta":{"partial_json":"{\\"x"}}}')).toBe('{"x');
    expect(deltaText('{"delta":{"text":"b"}}')).toBe("b");
    expect(deltaText('{"delta":"c"}')).toBe("c");
    expect(deltaText("plain")).toBe("plain");
    expect(deltaText('{"other":1}')).toBe("");
  });

  test.each([
    [12, "12 ms"],
    [4230, "4.2 s"],
    [42_000, "42 s"],
    [185_000, "3 min 05 s"],
    [7_800_000, "2 h 10 min"],
    [-500, "−500 ms"],
  ])("%d ms reads %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
