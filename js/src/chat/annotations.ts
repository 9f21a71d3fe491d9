// The annotations of an entry, and the form for another.

import type { Annotation, Entry } from "../trace/model.ts";
import { AnnotationBox, type Badge, badgeElement } from "../ui/annotation-box.ts";
import { h } from "../ui/dom.ts";
import type { Around } from "./around.ts";

export class Annotations {
  readonly button: HTMLButtonElement;
  readonly element: HTMLElement;
  readonly #badges = h("div", { class: "badges" });
  #drawn = "";

  constructor(
    private readonly entry: Entry,
    /** Sequence of the event, or id of the tool call. */
    target: number | string,
    private readonly around: Around,
  ) {
    const box = new AnnotationBox((made) => around.chat.annotate(target, made));
    this.button = box.button;
    this.element = h("div", { class: "annotations" }, this.#badges, box.element);
  }

  draw(): void {
    const { chat } = this.around;
    const found = chat.outline.annotationsOf(this.entry.id);
    const key = `${found.map(({ id, changes }) => `${id} ${changes}`).join()} ${chat.canAnnotate}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.button.hidden = !chat.canAnnotate;
    const retract = ({ first_sequence: sequence }: Annotation) =>
      chat.canAnnotate ? () => chat.retract(sequence) : undefined;
    this.#badges.replaceChildren(...found.map((one) => badgeElement(badgeOf(one), retract(one))));
  }
}

export function badgeOf(one: Annotation): Badge {
  return {
    name: one.name ?? "",
    label: one.label ?? "",
    score: one.score ?? null,
    note: one.text,
    annotator: one.annotator ?? "",
    sequence: one.first_sequence,
  };
}
