// The header: agent, state, totals, what can be switched, what is followed.

import { visibleLine } from "../base/visible.ts";
import { totals } from "../content/entry-words.ts";
import type { Status } from "../events/event-status.ts";
import type { Setting } from "../trace/model.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { icon, setIcon } from "../ui/icons.ts";
import type { Chat } from "./chat.ts";

const SIGNS = {
  live: "dot",
  busy: "arc",
  off: "square",
  warn: "diamond",
  bad: "triangle",
} as const;
/** Settings beyond mode and model are the agent's own; a header has no room for more. */
const MOST_SETTINGS = 4;
const MOST_CHOICES = 200;

export class Header {
  readonly element: HTMLElement;
  readonly follow = h("button", { class: "follow", title: "stay with the newest (End)" });
  readonly #title = h("span", { class: "axon-name" });
  readonly #sign = icon("", "sign");
  readonly #word = h("span", { class: "word" });
  readonly #counts = h("span", { class: "counts" });
  readonly #settings = h("span", { class: "settings" });
  #settingsDrawn = "";

  constructor(private readonly chat: Chat) {
    this.follow.append(icon("follow"), h("span", { class: "label", text: "Follow" }));
    const state = h("span", { class: "state" }, this.#sign, this.#word);
    const buttons = h("span", { class: "buttons" }, this.#settings, this.follow);
    this.element = h("div", { class: "header" }, this.#title, state, this.#counts, buttons);
  }

  draw(status: Status, name: string, isFollowing: boolean): void {
    const { session, turns } = this.chat.outline;
    const names = [session?.agent, session?.title, name].filter(Boolean) as string[];
    setText(this.#title, visibleLine(names.join(" · ")));
    setAttribute(this.#title, "title", visibleLine(names.join(" · ")));
    this.element.dataset.sign = status.sign;
    setIcon(this.#sign, SIGNS[status.sign]);
    setText(this.#word, status.word);
    setText(this.#counts, totals(turns, session));
    setAttribute(this.follow, "aria-pressed", String(isFollowing));
    this.#drawSettings();
  }

  #drawSettings(): void {
    const { chat } = this;
    const { session } = chat.outline;
    const shown = chat.canSend ? (session?.settings ?? []).slice(0, MOST_SETTINGS) : [];
    const fixed = shown.length === 0 && session ? [session.mode, session.model] : [];
    const key = JSON.stringify([shown, fixed]);
    if (key === this.#settingsDrawn) return;
    this.#settingsDrawn = key;
    const words = fixed.filter(Boolean).join(" · ");
    this.#settings.replaceChildren(
      ...shown.map((setting) => this.#control(setting)),
      ...(words ? [h("span", { class: "path", text: visibleLine(words) })] : []),
    );
  }

  #control(setting: Setting): HTMLElement {
    const name = visibleLine(setting.name || setting.id || "setting");
    if (setting.type === "boolean") {
      const pressed = String(setting.value === true);
      const button = h("button", { class: "switch", "aria-pressed": pressed, text: name });
      button.addEventListener("click", () => this.chat.set(setting, setting.value !== true));
      return button;
    }
    const select = h("select", { class: "switch", "aria-label": name, title: name });
    for (const { value = "", label, description } of (setting.choices ?? []).slice(
      0,
      MOST_CHOICES,
    )) {
      const option = h("option", { title: visibleLine(description ?? "") });
      option.value = value;
      option.textContent = visibleLine(label || value);
      option.selected = value === setting.value;
      select.append(option);
    }
    select.addEventListener("change", () => this.chat.set(setting, select.value));
    return select;
  }
}
