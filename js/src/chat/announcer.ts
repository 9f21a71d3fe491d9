// What a screen reader hears: the beginning and the end of a turn, a question, a failure; not
// each word of a text that streams in.

import { visibleLine } from "../base/visible.ts";
import { questionTitle, turnState } from "../content/entry-words.ts";
import type { Status } from "../events/event-status.ts";
import type { Turn } from "../trace/model.ts";
import { h } from "../ui/dom.ts";
import type { Chat } from "./chat.ts";

const ANSWER = 300;

export class Announcer {
  readonly element = h("div", { class: "axon-hidden", role: "status", "aria-live": "polite" });
  #running: Turn | null = null;
  #asked = 0;
  #word = "";

  say(text: string): void {
    this.element.textContent = text;
  }

  update(status: Status, chat: Chat): void {
    const { running, openQuestions } = chat.outline;
    if (status.word !== this.#word) {
      this.#word = status.word;
      if (status.sign === "bad") this.say([status.word, status.line].filter(Boolean).join(": "));
    }
    const question = openQuestions[0];
    if (question && question.id !== this.#asked) {
      this.#asked = question.id;
      this.say(`The agent waits for an answer: ${visibleLine(questionTitle(question))}`);
    }
    if (running?.id === this.#running?.id) return;
    const ended = this.#running;
    this.#running = running;
    if (ended && ended.status !== "running") this.say(outcome(ended, chat));
    else if (running) this.say("The agent is working.");
  }
}

function outcome(turn: Turn, { session }: Chat): string {
  const texts = session.trace.entries.flatMap((entry) =>
    entry?.kind === "message" &&
    entry.turn_id === turn.turn_id &&
    (entry.role ?? "agent") === "agent"
      ? [entry.text]
      : [],
  );
  const { word } = turnState(turn, false, false);
  const said = visibleLine(texts.join(" ").trim().slice(0, ANSWER));
  return [`Turn ${word || "completed"}`, turn.error && visibleLine(turn.error), said]
    .filter(Boolean)
    .join(". ");
}
