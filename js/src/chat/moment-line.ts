// The moment a chat shows: one that a viewer of the same axon went to, or Python (`chat.at`).

import { count } from "../base/format.ts";
import { onMoment } from "../kernel/page-moment.ts";
import { observe } from "../kernel/traits.ts";
import { h, setText } from "../ui/dom.ts";
import type { Chat } from "./chat.ts";
import type { Model } from "./chat-traits.ts";

export class MomentLine {
  readonly #text = h("span");
  readonly #live = h("button", { text: "Back to live" });
  readonly element = h("div", { class: "state-line", hidden: true }, this.#text, this.#live);

  /** `changed` is called when another moment is to be shown. */
  constructor(
    private readonly chat: Chat,
    model: Model,
    changed: () => void,
    signal: AbortSignal,
  ) {
    const show = (sequence: number | null) => {
      if (chat.asOf === sequence) return;
      chat.asOf = sequence;
      changed();
    };
    onMoment(model.get("axon_id") ?? "", show, signal);
    observe(model, "at", () => show(model.get("at") ?? null), signal);
    this.#live.addEventListener("click", () => show(null));
    chat.asOf = model.get("at") ?? null;
  }

  draw(): void {
    const { asOf, session } = this.chat;
    this.element.hidden = asOf === null;
    if (asOf === null) return;
    const isThere = session.asOf(asOf) !== null;
    const words = `As of event ${count(asOf)}.`;
    setText(
      this.#text,
      isThere ? words : `${words} Not all of the run is here: shown as it is now.`,
    );
  }
}
