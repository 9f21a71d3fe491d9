// A small menu on <details>: native semantics, closes on Escape, on a click elsewhere, after a choice.

import { h, on } from "./dom.ts";
import { type IconName, icon } from "./icons.ts";

export interface Menu {
  element: HTMLDetailsElement;
  /** Replace the entries. */
  fill(...entries: Node[]): void;
  close(): void;
}

/** What is seen of a closed menu: a word, an icon, or a word and an icon after it. */
export interface MenuLabel {
  text?: string;
  icon: IconName;
}

export function menu(
  label: MenuLabel,
  title: string,
  signal: AbortSignal,
  filled?: () => void,
): Menu {
  const name = label.text
    ? h("span", { text: label.text })
    : h("span", { class: "axon-hidden", text: title });
  const summary = h("summary", { title }, name, icon(label.icon));
  const panel = h("div", { class: "panel" });
  const element = h("details", { class: "menu" }, summary, panel);
  const close = () => {
    element.open = false;
  };
  on(element, "toggle", () => element.open && filled?.(), signal);
  on(element, "keydown", (event) => leave(event), signal);
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !element.open) return;
    event.stopPropagation();
    close();
    summary.focus();
  };
  const left = (event: FocusEvent) => {
    const to = event.relatedTarget;
    if (to instanceof Node && !element.contains(to)) close();
  };
  on(element, "focusout", left, signal);
  const pressed = (event: PointerEvent) => {
    if (element.open && !event.composedPath().includes(element)) close();
  };
  on(document, "pointerdown", pressed, signal);
  return { element, fill: (...entries) => panel.replaceChildren(...entries), close };
}

/** An entry that does something, or one that shows a state when `checked` is given. */
export function entry(label: string, run: () => void, checked?: boolean): HTMLElement {
  const props = checked === undefined ? {} : { "aria-pressed": String(checked) };
  const mark = icon(checked ? "check" : "", "check");
  const button = h("button", { class: "entry", ...props }, mark, label);
  button.addEventListener("click", run);
  return button;
}

export function heading(text: string): HTMLElement {
  return h("div", { class: "menu-heading", text });
}
