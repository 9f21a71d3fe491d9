// A small menu on <details>: native semantics, closes on Escape, on a click elsewhere, after a choice.

import { h, on } from "./dom.ts";

export interface Menu {
  element: HTMLDetailsElement;
  /** Replace the entries. */
  fill(...entries: Node[]): void;
  close(): void;
}

export function menu(label: string, title: string, signal: AbortSignal, filled?: () => void): Menu {
  const spoken = /\w/.test(label) ? null : h("span", { class: "axon-hidden", text: title });
  const shown = h("span", { text: label, "aria-hidden": spoken ? "true" : false });
  const summary = h("summary", { title }, shown, spoken);
  const panel = h("div", { class: "panel" });
  const element = h("details", { class: "menu" }, summary, panel);
  const close = () => {
    element.open = false;
  };
  on(element, "toggle", () => element.open && filled?.(), signal);
  on(
    element,
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !element.open) return;
      event.stopPropagation();
      close();
      summary.focus();
    },
    signal,
  );
  on(
    element,
    "focusout",
    (event) => {
      const to = event.relatedTarget;
      if (to instanceof Node && !element.contains(to)) close();
    },
    signal,
  );
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (element.open && !event.composedPath().includes(element)) close();
    },
    { signal },
  );
  return { element, fill: (...entries) => panel.replaceChildren(...entries), close };
}

/** An entry that does something, or one that shows a state when `checked` is given. */
export function entry(label: string, run: () => void, checked?: boolean): HTMLElement {
  const props = checked === undefined ? {} : { "aria-pressed": String(checked) };
  const button = h(
    "button",
    { class: "entry", ...props },
    h("span", { class: "check", "aria-hidden": "true", text: checked ? "✓" : "" }),
    label,
  );
  button.addEventListener("click", run);
  return button;
}

export function heading(text: string): HTMLElement {
  return h("div", { class: "menu-heading", text });
}
