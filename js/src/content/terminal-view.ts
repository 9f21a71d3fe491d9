// Terminal output of a tool, by the log's own screen: colours, redrawn lines, links.

import { BOLD, flagsOf, ITALIC, type Span, STRIKE, UNDERLINE } from "../log/ansi.ts";
import { Paints, parseColour } from "../log/colour.ts";
import { LogStore } from "../log/output-store.ts";
import { h } from "../ui/dom.ts";

/** Lines that are shown: the last ones; what a command says at its end counts. */
const LINES = 400;
const COLUMNS = 2000;

export function terminalElement(text: string): HTMLElement {
  const pre = h("pre", { class: "code", tabindex: 0, dir: "ltr" });
  const store = new LogStore();
  store.append("stdout", new TextEncoder().encode(text), 0);
  store.finish("stdout", 0);
  store.read(Number.POSITIVE_INFINITY);
  const from = Math.max(0, store.rows - LINES);
  if (from > 0) pre.append(h("span", { class: "skipped", text: `… ${from} earlier lines\n` }));
  // Colours depend on the theme, which is known once the element is in the page.
  requestAnimationFrame(() => {
    const { color, backgroundColor, colorScheme } = getComputedStyle(pre);
    const dark = colorScheme.includes("dark");
    const paints = new Paints(dark, parseColour(color, 0), parseColour(backgroundColor, 0xffffff));
    for (let row = from; row < store.rows; row++) {
      pre.append(...store.line(row, COLUMNS).spans.map((span) => piece(span, paints)), "\n");
    }
  });
  return pre;
}

function piece(span: Span, paints: Paints): Node | string {
  const { color, background } = paints.of(span.fg, span.bg);
  const flags = flagsOf(span.fg);
  if (!color && !background && !flags && !span.link) return span.text;
  const element = span.link
    ? h("a", { href: span.link, title: span.link, target: "_blank", rel: "noopener noreferrer" })
    : h("span");
  element.textContent = span.text;
  const { style } = element;
  style.color = color;
  style.backgroundColor = background;
  if (flags & BOLD) style.fontWeight = "650";
  if (flags & ITALIC) style.fontStyle = "italic";
  const lines = [flags & UNDERLINE && "underline", flags & STRIKE && "line-through"];
  style.textDecoration = lines.filter(Boolean).join(" ");
  return element;
}
