// What was sent and what came: nothing looks sent that was not, and nothing is told twice.

import { beforeEach, expect, test, vi } from "vitest";
import { Talk } from "../../src/chat/talk.ts";
import type { Channel } from "../../src/kernel/connection.ts";
import type {
  CommandMessage,
  EventRecord,
  PageMessage,
  Refusal,
} from "../../src/kernel/protocol.ts";
import { asked, ended, events, prompt, recording, said, started } from "./recordings.ts";

let batch = 0;
let take: (content: unknown, buffers: readonly ArrayBufferView[]) => void;
let sent: PageMessage[];
let talk: Talk;

beforeEach(() => {
  vi.useFakeTimers();
  batch = 0;
  sent = [];
  talk = opened();
  return () => vi.useRealTimers();
});

function opened(): Talk {
  const channel: Channel = {
    send: (message) => sent.push(message),
    listen: (listener) => {
      take = listener;
    },
  };
  return new Talk(channel, "acp", new AbortController().signal);
}

const header = () => ({ epoch: "e", batch, sent_ms: 1 });

function arrive(records: readonly EventRecord[], kind: "ev" | "snap" = "ev"): void {
  if (kind === "ev") batch++;
  const first = records[0]!.sequence;
  const body = { first, count: records.length, head: 99, deflated: false, missing: [] };
  const reason = kind === "snap" ? { reason: "need" } : {};
  const bytes = new TextEncoder().encode(JSON.stringify(records));
  take({ kind, ...header(), ...body, ...reason }, [bytes]);
  talk.update();
}

function heartbeat(refusals: Refusal[] = []): void {
  const state = { name: "live" };
  const counts = { start: 1, head: 0, pushed: 0, kept_from: 0, kept_to: 0, received: 0 };
  const rest = { dropped: 0, lost: 0, gaps: [], marks: [], bytes: 0, max_bytes: 1 };
  take({ kind: "stat", ...header(), state, ...counts, ...rest, refusals }, []);
  talk.update();
}

function commands(): { name: string; value: Record<string, string> }[] {
  return sent
    .filter((message): message is CommandMessage => message.kind === "cmd")
    .map(({ name, value }) => ({ name, value: JSON.parse(value) as Record<string, string> }));
}

test("nobody can be heard before the kernel was, nor after it has gone", () => {
  expect(talk.canSend).toBe(false);

  heartbeat();

  expect(talk.canSend).toBe(true);

  talk.events.kernelGone();

  expect(talk.canSend).toBe(false);
});

test("a prompt is on its way until its event comes, and an older one like it does not count", () => {
  arrive(events(prompt("files"), started("a"), ended("a")));
  talk.prompt("files");
  talk.update();

  expect(commands()).toMatchObject([{ name: "prompt", value: { text: "files" } }]);
  expect(talk.sent.map(({ text }) => text)).toEqual(["files"]);

  arrive(events(said(""), said(""), said(""), prompt("files")).slice(3));

  expect(talk.sent).toEqual([]);
});

test("a prompt that the kernel could not publish says why, in the page that sent it", () => {
  heartbeat();
  talk.prompt("hello");
  const id = commands()[0]!.value.id!;
  heartbeat([
    { id: "another-page-1", reason: "not ours" },
    { id, reason: "there is no agent" },
  ]);

  expect(talk.sent).toMatchObject([{ text: "hello", error: "there is no agent" }]);
  expect(talk.trouble).toBe("");
});

test("an answer is on its way until somebody's answer comes", () => {
  arrive(events(prompt("p"), started("a"), asked("x")));
  const question = talk.conversation.questions[0]!;
  talk.answer(question, "yes");
  talk.update();

  expect(commands()).toMatchObject([{ name: "permit", value: { request: "3", option: "yes" } }]);
  expect(talk.answering.get("3")).toBe("yes");

  heartbeat([{ id: commands()[0]!.value.id!, reason: "the turn is over" }]);

  expect(talk.answering.size).toBe(0);
  expect(talk.trouble).toBe("the turn is over");
});

test("what was lost on the way and comes later is told in its place", () => {
  const all = recording("demo-agent");
  arrive(all.slice(0, 20));
  batch++;
  arrive(all.slice(40));
  arrive(all.slice(20, 40), "snap");
  const late = talk.conversation.turns;

  talk = opened();
  arrive(all);

  expect(late).toEqual(talk.conversation.turns);
});

test("the events of a turn are at hand as they were published", () => {
  const all = events(prompt("p"), started("a"), said("x"), ended("a"));
  arrive(all);
  const found = talk.eventsOf(talk.conversation.turns[0]!.events);

  expect(found.map(({ payload }) => payload)).toEqual(all.map(({ payload }) => payload));
});
