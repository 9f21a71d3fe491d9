// What people see of a conversation depends on its events alone, whatever came over the wire.

import { describe, expect, test } from "vitest";
import type { Ask, Item, Tool, Turn } from "../../src/chat/conversation.ts";
import {
  answered,
  asked,
  ended,
  events,
  folded,
  prompt,
  recording,
  said,
  started,
  update,
} from "./recordings.ts";

const texts = (turn: Turn) =>
  turn.items.flatMap((item) => (item.kind === "text" ? [item.text] : []));
const kinds = (turn: Turn) => turn.items.map(({ kind }: Item) => kind);
const tools = (turn: Turn) => turn.items.filter((item): item is Tool => item.kind === "tool");
const asks = (turn: Turn) => turn.items.filter((item): item is Ask => item.kind === "ask");

describe("the demo agent, recorded", () => {
  const { turns, agent, commands, gone } = folded(recording("demo-agent"));

  test("every prompt is a turn, in order, with its end", () => {
    expect(turns.map(({ prompt }) => prompt?.split(/[ :]/)[0])).toEqual([
      "edit",
      "edit",
      "count",
      "files",
      "run",
      "talk",
    ]);
    expect(turns.map(({ state }) => state)).toEqual(Array(6).fill("completed"));
    expect(turns.map(({ reason }) => reason)).toEqual([...Array(5).fill("end_turn"), "cancelled"]);
  });

  test("an edit shows what it changes, who allowed it, and what came of it", () => {
    const turn = turns[1]!;

    expect(kinds(turn)).toEqual(["thought", "tool", "ask", "text"]);
    expect(tools(turn)[0]).toMatchObject({ title: "Edit notes.txt", status: "completed" });
    expect(tools(turn)[0]!.diffs[0]).toMatchObject({
      before: "one\ntwo\nthree\n",
      after: "one\n2\nthree\nfour\n",
    });
    expect(asks(turn)[0]).toMatchObject({ state: "answered", answer: "allow", shown: true });
    expect(texts(turn)).toEqual(["I have written notes.txt."]);
  });

  test("a plan is one checklist that is ticked off", () => {
    const plan = turns[2]!.items.find((item) => item.kind === "plan");

    expect(plan).toMatchObject({ steps: Array(3).fill({ status: "completed" }) });
    expect(kinds(turns[2]!).filter((kind) => kind === "plan")).toHaveLength(1);
  });

  test("a tool that failed says so, and a command's output stays with its call", () => {
    expect(tools(turns[3]!)[0]!.status).toBe("failed");
    expect(tools(turns[4]!)[0]).toMatchObject({ text: "out\nerr\n", output: { exit_status: 3 } });
  });

  test("the agent is known by name and by what it offers, until its devbox ends", () => {
    expect(agent).toBe("Demo agent");
    expect(commands.map(({ name }) => name)).toContain("sql");
    expect(gone).not.toBe("");
  });

  test("every event of a turn is there to be looked at", () => {
    const all = turns.flatMap((turn) => turn.events);

    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(all.toSorted((a, b) => a - b));
    expect(turns[5]!.events.length).toBeGreaterThan(4);
  });
});

describe("Claude, recorded", () => {
  const { turns, costUsd, gone } = folded(recording("claude"), "claude");

  test("text that comes in deltas and then whole is said once", () => {
    expect(texts(turns[0]!)).toEqual(["You said: hello"]);
  });

  test("a tool call, its permission and its result are one story", () => {
    expect(kinds(turns[1]!)).toEqual(["tool", "ask", "text"]);
    expect(tools(turns[1]!)[0]).toMatchObject({
      title: "Bash ls",
      status: "completed",
      text: "ran ls",
    });
    expect(asks(turns[1]!)[0]).toMatchObject({ state: "answered", answer: "allow" });
  });

  test("what it used and what it cost is told", () => {
    expect(turns[0]!.usage).toEqual({ input: 10, output: 5, costUsd: 0.0125 });
    expect(costUsd).toBeCloseTo(0.0375);
  });

  test("an error and a death are failed turns with their reasons", () => {
    expect(turns[2]).toMatchObject({ state: "failed" });
    expect(turns[2]!.error).not.toBe("");
    expect(turns[3]).toMatchObject({ state: "failed" });
    expect(turns[3]!.items).toContainEqual(
      expect.objectContaining({ kind: "log", text: "about to die\n" }),
    );
    expect(gone).not.toBe("");
  });
});

describe("turns", () => {
  test("a prompt waits until its own turn starts, whoever published it", () => {
    const { turns } = folded(
      events(prompt("one"), prompt("two"), started("a", 1), said("1"), ended("a"), started("b", 2)),
    );

    expect(turns.map(({ state }) => state)).toEqual(["completed", "running"]);
    expect(turns.map(texts)).toEqual([["1"], []]);
  });

  test("a prompt that no broker heard takes nobody's turn", () => {
    const { turns } = folded(
      events(prompt("unheard"), prompt("heard"), started("a", 2), said("x")),
    );

    expect(turns.map(({ state }) => state)).toEqual(["queued", "running"]);
    expect(texts(turns[1]!)).toEqual(["x"]);
  });

  test("what comes after the end belongs to the turn that ended", () => {
    const { turns } = folded(
      events(prompt("one"), started("a"), said("first"), ended("a"), said(" and last")),
    );

    expect(texts(turns[0]!)).toEqual(["first and last"]);
    expect(turns[0]).toMatchObject({ state: "completed", endedMs: 1030 });
  });

  test("a turn that another event started is shown without a prompt", () => {
    const { turns } = folded(events(started("a", 7), said("a webhook came"), ended("a")));

    expect(turns).toMatchObject([{ prompt: null, state: "completed" }]);
  });

  test("a stream that begins in the middle is readable", () => {
    const { turns } = folded(events(said("… the rest"), ended("a"), prompt("next")));

    expect(turns.map(texts)).toEqual([["… the rest"], []]);
    expect(turns.map(({ state }) => state)).toEqual(["completed", "queued"]);
  });

  test("a failed turn closes what it left open, and the next one goes on", () => {
    const failed = ["system", "turn.failed", { turn_id: "a", error: "no account" }] as const;
    const { turns, questions, running } = folded(
      events(
        prompt("one"),
        started("a"),
        update({ sessionUpdate: "tool_call", toolCallId: "t", title: "T", status: "in_progress" }),
        asked("t"),
        [...failed],
        prompt("two"),
        started("b"),
      ),
    );

    expect(turns[0]).toMatchObject({ state: "failed", error: "no account" });
    expect(tools(turns[0]!)[0]!.status).toBe("stopped");
    expect(asks(turns[0]!)[0]!.state).toBe("closed");
    expect(questions).toEqual([]);
    expect(running).toBe(turns[1]);
  });

  test("when the agent is gone nothing waits for it, and a new devbox brings it back", () => {
    const lost = events(prompt("one"), started("a"), prompt("two"), [
      "system",
      "broker.error",
      "agent_binary not found",
    ]);
    const back = events(...Array(4).fill(said("")), [
      "system",
      "devbox.running",
      { devbox_id: "d" },
    ]).slice(4);
    const conversation = folded(lost);

    expect(conversation.gone).toBe("agent_binary not found");
    expect(conversation.turns.map(({ state }) => state)).toEqual(["failed", "failed"]);

    for (const event of back) conversation.add(event);

    expect(conversation.gone).toBe("");
  });
});

describe("permissions", () => {
  test("answers go to the questions in their order, and a second answer changes nothing", () => {
    const { turns, questions } = folded(
      events(prompt("p"), started("a"), asked("x"), asked("y"), answered("yes"), answered("no")),
    );

    expect(asks(turns[0]!).map(({ answer }) => answer)).toEqual(["yes", "no"]);
    expect(questions).toEqual([]);
    expect(
      asks(
        folded(events(prompt("p"), started("a"), asked("x"), answered("yes"), answered("no")))
          .turns[0]!,
      )[0]!.answer,
    ).toBe("yes");
  });

  test("a question is known by the id that the kernel knows it by", () => {
    const { questions } = folded(events(prompt("p"), started("a"), asked("x")));

    expect(questions.map(({ id }) => id)).toEqual(["3"]);
  });
});

describe("payloads of strangers", () => {
  const HOSTILE: unknown[] = [
    "",
    "not json",
    "null",
    "[]",
    "7",
    '{"__proto__":{"polluted":1}}',
    { update: null },
    { update: { sessionUpdate: "plan", entries: "x" } },
    { update: { sessionUpdate: "plan", entries: [null, 1, { content: {} }] } },
    { update: { sessionUpdate: "tool_call", toolCallId: { a: 1 }, content: [null, [], 5] } },
    { update: { sessionUpdate: "tool_call", toolCallId: "__proto__", title: 1, status: "hasOwn" } },
    { update: { sessionUpdate: "agent_message_chunk", content: [{ type: "text" }] } },
    { update: { sessionUpdate: "agent_message_chunk", content: { type: "image", data: "…" } } },
    { toolCall: [], options: [null, { optionId: {} }] },
    { message: { content: [null, { type: "tool_use", input: [] }, { type: "text" }] } },
    { event: { type: "content_block_delta", delta: { type: "text_delta" } } },
    { request: { subtype: "can_use_tool" }, request_id: 5 },
    { turn_id: {}, error: [], event_sequence: "1" },
  ];
  const TYPES = [
    "session/update session/request_permission session/prompt initialize",
    "assistant user result stream_event control_request control_response query system",
    "turn.started turn.completed turn.failed broker.error agent.log devbox.failed __proto__",
  ].flatMap((line) => line.split(" "));

  test.each(["acp", "claude"] as const)("nothing of them stops the %s fold", (protocol) => {
    const drafts = TYPES.flatMap((type) =>
      HOSTILE.flatMap((payload) =>
        (["agent", "user", "system"] as const).map((from): [typeof from, string, unknown] => [
          from,
          type,
          payload,
        ]),
      ),
    );
    const conversation = folded(events(...drafts), protocol);

    expect(conversation.turns.length).toBeGreaterThan(0);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
