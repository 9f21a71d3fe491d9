import { describe, expect, test } from "vitest";
import {
  answerText,
  money,
  noticeText,
  questionTitle,
  totals,
  turnState,
  usageText,
} from "../../src/content/entry-words.ts";
import { matching } from "../../src/content/slash-menu.ts";
import { whole } from "../../src/trace/fold.ts";
import type { Question, Session, Turn } from "../../src/trace/model.ts";

const question = (fields: object) =>
  whole({ id: 1, kind: "question", ...fields } as { id: number }) as Question;
const turn = (fields: object) =>
  whole({ id: 1, kind: "turn", ...fields } as { id: number }) as Turn;

describe("figures", () => {
  test("are left out where they are not known", () => {
    expect(usageText({}, null)).toBe("");
    expect(usageText({ input: 1204, output: 388, cache_read: 9000 }, 0.0125)).toBe(
      "1,204 in · 388 out · 9,000 cached · $0.0125",
    );
  });

  test("of the session are totals, in the proper number", () => {
    const session = {
      context_used: 500,
      context_size: 2000,
      cost: 1.5,
      currency: "EUR",
    } as Session;

    expect(totals([turn({ usage: { input: 2, output: 3 } })], session)).toBe(
      "1 turn · 5 tokens · context 500 of 2,000 (25 %) · 1.50 EUR",
    );
    expect(totals([turn({}), turn({})], null)).toBe("2 turns");
  });

  test("of money have the digits that count", () => {
    expect([0, 0.1, 0.0125, 12.3456].map((amount) => money(amount))).toEqual([
      "$0.00",
      "$0.10",
      "$0.0125",
      "$12.35",
    ]);
  });
});

test.each([
  [{ status: "running" }, "working"],
  [{ status: "queued" }, "queued"],
  [{ status: "cancelled" }, "cancelled"],
  [{ status: "completed", stop_reason: "end_turn" }, ""],
  [{ status: "completed", stop_reason: "max_tokens" }, "max tokens"],
])("a turn that is %j says %j", (fields, word) => {
  expect(turnState(turn(fields), false, false).word).toBe(word);
});

test.each([
  [{ status: "withdrawn" }, "Withdrawn: no answer is needed any more."],
  [{ status: "expired" }, "Not answered: the turn is over."],
  [{ status: "answered", answer: "y", options: [{ id: "y", name: "Yes" }] }, "Yes"],
  [
    { status: "answered", answer: "y", answered_by: "agent", options: [{ id: "y", name: "Yes" }] },
    "Yes (by the agent)",
  ],
  [
    {
      status: "answered",
      answer: { a: ["x"] },
      fields: [{ id: "a", title: "A", choices: [{ value: "x", label: "X" }] }],
    },
    "A: X",
  ],
  [
    {
      status: "answered",
      answer: {},
      secret: true,
      fields: [{ id: "k", title: "Key", secret: true }],
    },
    "Key: •••",
  ],
])("a question that is %j says %j", (fields, words) => {
  expect(answerText(question(fields))).toBe(words);
});

test("what is asked is not said twice", () => {
  const fields = [{ id: "a", title: "Which?" }];

  expect(questionTitle(question({ question_kind: "choice", title: "Which?", fields }))).toBe(
    "Choice requested",
  );
  expect(questionTitle(question({ title: "rm x" }))).toBe("Allow rm x?");
});

test("a notice names its kind only where that says something", () => {
  expect(noticeText("compaction", "compaction", "done")).toBe("done");
  expect(noticeText("devbox.running", "devbox.running", "")).toBe("devbox running");
  expect(noticeText("broker.error", "broker.error", "broken pipe")).toBe(
    "broker error: broken pipe",
  );
});

test("slash commands are offered while one is being typed", () => {
  const commands = ["review", "init", "preview"].map((name) => ({ name }));
  const names = (typed: string) => matching(commands, typed).map(({ name }) => name);

  expect(names("/")).toEqual(["review", "init", "preview"]);
  expect(names("/Re")).toEqual(["review", "preview"]);
  expect(names("/init now")).toEqual([]);
  expect(names("look at /init")).toEqual([]);
});
