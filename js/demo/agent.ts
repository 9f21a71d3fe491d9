// A made-up run of an agent, as the broker would write it to an axon.

export interface Draft {
  type: string;
  origin: string;
  source: string;
  payload: unknown;
  /** Time since the draft before, ms. */
  wait: number;
}

const SESSION = "sess_4f2a";

function update(wait: number, body: Record<string, unknown>): Draft {
  const payload = { sessionId: SESSION, update: body };
  return { type: "session/update", origin: "AGENT_EVENT", source: "acp-agent", payload, wait };
}

function* say(text: string): Generator<Draft> {
  for (const piece of text.match(/\S+\s*/g) ?? []) {
    yield update(35, {
      sessionUpdate: "agent_message_chunk",
      content: { type: "text", text: piece },
    });
  }
}

function* tool(
  id: string,
  title: string,
  kind: string,
  input: unknown,
  ms: number,
  output: string,
  failed = false,
): Generator<Draft> {
  yield update(60, {
    sessionUpdate: "tool_call",
    toolCallId: id,
    title,
    kind,
    status: "pending",
    rawInput: input,
  });
  yield update(ms / 2, {
    sessionUpdate: "tool_call_update",
    toolCallId: id,
    status: "in_progress",
  });
  yield update(ms / 2, {
    sessionUpdate: "tool_call_update",
    toolCallId: id,
    status: failed ? "failed" : "completed",
    content: [{ type: "content", content: { type: "text", text: output } }],
  });
}

/** One turn: a prompt, thoughts, tools, an answer. */
export function* turn(n: number): Generator<Draft> {
  const id = `turn_${String(n).padStart(3, "0")}`;
  const system = (type: string, payload: unknown, wait = 20): Draft => ({
    type,
    origin: "SYSTEM_EVENT",
    source: "broker",
    payload,
    wait,
  });
  yield {
    type: "session/prompt",
    origin: "USER_EVENT",
    source: "acp-sdk-client",
    wait: 400,
    payload: {
      sessionId: SESSION,
      prompt: [
        {
          type: "text",
          text: "Why does test_resume fail on CI and not here? Fix it and show me the diff.",
        },
      ],
    },
  };
  yield system("turn.started", { turn_id: id });
  for (const piece of [
    "The failure mentions a cursor ",
    "that went back; ",
    "I should look at how ",
    "the sequence is kept.",
  ]) {
    yield update(70, {
      sessionUpdate: "agent_thought_chunk",
      content: { type: "text", text: piece },
    });
  }
  yield* say("I will first look at the test, then at the place where the cursor is stored. ");
  yield* tool(
    `${id}_a`,
    "Read tests/test_resume.py",
    "read",
    { path: "tests/test_resume.py" },
    180,
    "148 lines",
  );
  yield* tool(
    `${id}_b`,
    "pytest -q tests/test_resume.py",
    "execute",
    { command: "pytest -q tests/test_resume.py" },
    2300,
    "1 failed, 11 passed in 2.04s\nE   AssertionError: expected 41 got 40",
    true,
  );
  yield update(50, {
    sessionUpdate: "plan",
    entries: [
      { content: "Find where the cursor is written", status: "completed" },
      { content: "Write it before the event is handed over", status: "in_progress" },
      { content: "Run the tests", status: "pending" },
    ],
  });
  yield* say(
    "The cursor is saved after the event is handed over, so a crash between the two repeats the event. I change the order and keep the old value for one step. ",
  );
  yield* tool(`${id}_c`, "Edit src/cursor.py", "edit", { path: "src/cursor.py" }, 240, "+4 −2");
  yield* tool(
    `${id}_d`,
    "pytest -q",
    "execute",
    { command: "pytest -q" },
    4200,
    "212 passed in 3.98s",
  );
  if (n % 3 === 2)
    yield {
      type: "agent.log",
      origin: "SYSTEM_EVENT",
      source: "broker",
      wait: 10,
      payload: { log_type: "stderr", message: "warning: context is 71 % full" },
    };
  yield* say(
    "Done. The test passes now, and so do the other 211. The change is four lines in src/cursor.py.",
  );
  yield {
    type: "session/prompt",
    origin: "AGENT_EVENT",
    source: "acp-agent",
    wait: 40,
    payload: { stopReason: "end_turn", usage: { inputTokens: 1204 + n, outputTokens: 388 } },
  };
  yield system("turn.completed", {
    turn_id: id,
    stop_reason: "end_turn",
    usage: { in: 1204, out: 388 },
  });
}

const NOISE: readonly [string, string, string, (i: number) => unknown][] = [
  ["heartbeat", "SYSTEM_EVENT", "devbox", (i) => ({ uptime_s: i })],
  [
    "file.changed",
    "EXTERNAL_EVENT",
    "watcher",
    (i) => ({
      path: `src/module_${i % 37}.py`,
      bytes: 1200 + (i % 911),
      sha: (i * 2654435761) % 4294967296,
    }),
  ],
  [
    "webhook",
    "EXTERNAL_EVENT",
    "github",
    (i) => ({
      action: "synchronize",
      number: 400 + (i % 50),
      repository: { full_name: "acme/payments", id: "9007199254740993" },
    }),
  ],
  [
    "metric",
    "EXTERNAL_EVENT",
    "collector",
    (i) => ({
      name: "queue.depth",
      value: Math.round(50 + 40 * Math.sin(i / 30)),
      host: `web-${i % 8}`,
    }),
  ],
  [
    "job.failed",
    "EXTERNAL_EVENT",
    "worker",
    (i) => ({
      job: `export-${i % 90}`,
      error: "TimeoutError: no answer within 30 s",
      attempt: 1 + (i % 3),
    }),
  ],
];
const WEIGHTS = [20, 42, 55, 99, 100];

/** Events of other sources, chosen by their number so that every run is the same. */
export function noise(i: number): Omit<Draft, "wait"> {
  const roll = (i * 7919) % 101;
  const [type, origin, source, make] =
    NOISE[WEIGHTS.findIndex((weight) => roll <= weight)] ?? NOISE[0]!;
  return { type, origin, source, payload: make(i) };
}
