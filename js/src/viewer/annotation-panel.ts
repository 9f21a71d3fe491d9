// The annotations of the event in the inspector, and the form for another.

import type { Session } from "../events/event-session.ts";
import type { EventAt } from "../events/event-store.ts";
import { AnnotationBox, badgeElement } from "../ui/annotation-box.ts";
import { h } from "../ui/dom.ts";

export class AnnotationPanel {
  /** The button that opens the form. */
  readonly button: HTMLElement;
  /** Badges and form. */
  readonly element: HTMLElement;
  readonly #badges = h("div", { class: "badges" });
  readonly #box: AnnotationBox;
  #position = -1;
  #drawn = "";

  constructor(private readonly session: Session) {
    this.#box = new AnnotationBox((made) => session.annotate(this.#position, made));
    this.button = this.#box.button;
    this.element = h("div", { class: "annotation-panel" }, this.#badges, this.#box.element);
  }

  /** Show what was judged of an event, as of `limit`; the form stays open as long as it is the same one. */
  draw(event: EventAt, from: number, to: number, limit: number): void {
    const { session } = this;
    const key = [from, to, limit, session.annotations.changes, session.canAnnotate].join(" ");
    if (key === this.#drawn) return;
    this.#drawn = key;
    if (event.position !== this.#position) this.#box.close();
    this.#position = event.position;
    this.button.hidden = !session.canAnnotate || session.store.isOld(event.position);
    const found = session.annotationsOf(from, to, limit);
    this.#badges.replaceChildren(
      ...found.map((one) =>
        badgeElement(one, session.canAnnotate ? () => session.retract(one.position) : undefined),
      ),
    );
  }
}
