// What a screen reader hears: the beginning and the end of a turn, a question, a failure; not
// each word of a text that streams in.

import { visibleLine } from "../base/visible.ts";
import type { Status } from "../events/event-status.ts";
import { h } from "../ui/dom.ts";
import type { Turn } from "./conversation.ts";
import type { Talk } from "./talk.ts";
import { turnState } from "./words.ts";

const ANSWER = 300;

export class Announcer {
  readonly element = h("div", { class: "axon-hidden", role: "status", "aria-live": "polite" });
  #running: Turn | null = null;
  #asked = "";
  #word = "";

  say(text: string): void {
    this.element.textContent = text;
  }

  update(status: Status, { conversation }: Talk): void {
    const { running, questions } = conversation;
    if (status.word !== this.#word) {
      this.#word = status.word;
      if (status.sign === "bad") this.say([status.word, status.line].filter(Boolean).join(": "));
    }
    const question = questions[0];
    if (question && question.id !== this.#asked) {
      this.#asked = question.id;
      this.say(`The agent asks for permission: ${visibleLine(question.title)}`);
    }
    if (running?.sequence === this.#running?.sequence) return;
    const ended =
      this.#running && conversation.turns.find((t) => t.sequence === this.#running!.sequence);
    this.#running = running;
    if (ended && ended.state !== "running") this.say(outcome(ended));
    else if (running) this.say("The agent works.");
  }
}

function outcome(turn: Turn): string {
  const text = turn.items.flatMap((item) => (item.kind === "text" ? [item.text] : [])).join(" ");
  const { word } = turnState(turn, false);
  const said = visibleLine(text.trim().slice(0, ANSWER));
  return [`Turn ${word || "done"}`, turn.error && visibleLine(turn.error), said]
    .filter(Boolean)
    .join(". ");
}
