// Slash commands: offered while one is being typed, taken with a click, Tab or Enter.

import { visibleLine } from "../base/visible.ts";
import type { Command } from "../trace/model.ts";
import { h } from "../ui/dom.ts";

const MOST = 8;
/** A command that is being typed: nothing but its name so far. */
const TYPED = /^\/(\S*)$/;

/** The commands whose names begin with what was typed, then those that contain it. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const found = TYPED.exec(typed);
  if (!found) return [];
  const wanted = found[1]!.toLowerCase();
  const rank = ({ name = "" }: Command) => name.toLowerCase().indexOf(wanted);
  return commands
    .filter((command) => rank(command) >= 0)
    .sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1))
    .slice(0, MOST);
}

export class SlashMenu {
  readonly element = h("div", {
    class: "slash",
    role: "listbox",
    "aria-label": "Commands",
    hidden: true,
  });
  #found: Command[] = [];
  #at = 0;
  #dismissed = "";

  /** `choose` gets the text to write: `/init `. */
  constructor(private readonly choose: (text: string) => void) {}

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  draw(commands: readonly Command[], typed: string): void {
    const found = typed === this.#dismissed ? [] : matching(commands, typed);
    if (JSON.stringify(found) === JSON.stringify(this.#found)) return;
    this.#found = found;
    this.#at = 0;
    this.#show();
  }

  /** Take a key of the box; return whether it meant the menu. */
  key(event: KeyboardEvent, typed: string): boolean {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#at = (this.#at + step + this.#found.length) % this.#found.length;
      this.#show();
    } else if (event.key === "Escape") {
      this.#dismissed = typed;
      this.#found = [];
      this.#show();
    } else if (event.key === "Tab" || (event.key === "Enter" && !this.#isWhole(typed))) {
      this.#take(this.#found[this.#at]!);
    } else return false;
    return true;
  }

  #isWhole(typed: string): boolean {
    return this.#found.some(({ name }) => typed === `/${name}`);
  }

  #take({ name = "" }: Command): void {
    this.#found = [];
    this.#show();
    this.choose(`/${name} `);
  }

  #show(): void {
    this.element.hidden = this.#found.length === 0;
    this.element.replaceChildren(
      ...this.#found.map((command, at) => {
        const { name = "", description = "", hint = "" } = command;
        const option = h("div", {
          class: "command",
          role: "option",
          "aria-selected": String(at === this.#at),
        });
        option.append(
          h("b", { text: visibleLine(`/${name}`).slice(0, 60) }),
          h("span", { class: "command-hint", text: visibleLine(hint).slice(0, 60) }),
          h("span", { class: "command-about", text: visibleLine(description).slice(0, 200) }),
        );
        // Before the box loses the focus.
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          this.#take(command);
        });
        return option;
      }),
    );
  }
}
