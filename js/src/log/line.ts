// One row of the picture: gutter, text pieces, marks. Elements are used again and again.

import { count, size } from "../base/format.ts";
import { h, setText } from "../ui/dom.ts";
import { icon, setIcon } from "../ui/icons.ts";
import { BOLD, flagsOf, ITALIC, type Span, STRIKE, UNDERLINE } from "./ansi.ts";
import type { Paints } from "./colour.ts";
import type { StreamName } from "./output-store.ts";
import { type Piece, pieces } from "./pieces.ts";
import { END } from "./text-selection.ts";

export interface LineView {
  number: string;
  time: string;
  stream: StreamName;
  /** Names its stream where that is not stdout. */
  tagged: boolean;
  kind: "" | "note" | "find";
  /** Lines before this one are left out. */
  gap: boolean;
  level: number;
  fold: "" | "right" | "down";
  /** Lines that folding hides behind this one. */
  hidden: number;
  spans: readonly Span[];
  /** What was searched for, as ranges of the text. */
  places: readonly [number, number][];
  /** Columns [from, to) are shown, moved left by `shift` px. */
  from: number;
  to: number;
  shift: number;
  charWidth: number;
  /** Selected columns. */
  selected: [number, number] | null;
  /** Bytes that are not shown because the line is too long. */
  cut: number;
}

export class LineElement {
  /** What is drawn here; "" for nothing. */
  key = "";
  readonly #number = h("span", { class: "no", "aria-hidden": "true" });
  readonly #time = h("span", { class: "at-time" });
  readonly #foldIcon = icon("");
  readonly #fold = h("span", { class: "fold" }, this.#foldIcon);
  readonly #tag = h("span", { class: "tag" });
  readonly #text = h("span", { class: "text", dir: "ltr" });
  readonly #select = h("span", { class: "selected", "aria-hidden": "true" });
  readonly #more = h("span", { class: "more" });
  readonly element = h(
    "div",
    { class: "line" },
    h("span", { class: "gutter" }, this.#number, this.#time, this.#fold, this.#tag),
    h("span", { class: "clip" }, this.#select, this.#text, this.#more),
  );
  #y = Number.NaN;

  place(y: number): void {
    if (y === this.#y) return;
    this.#y = y;
    this.element.style.transform = `translateY(${y}px)`;
  }

  hide(): void {
    this.key = "";
    this.#y = -1000;
    this.element.style.transform = "translateY(-1000px)";
  }

  draw(paints: Paints, line: LineView): void {
    const { dataset } = this.element;
    dataset.stream = line.stream;
    dataset.kind = line.kind;
    dataset.level = String(line.level);
    dataset.gap = String(line.gap);
    setText(this.#number, line.number);
    setText(this.#time, line.time);
    setIcon(this.#foldIcon, line.fold);
    setText(this.#tag, line.tagged && line.stream === "stderr" ? "err" : "");
    const shown = pieces(line.spans, line.from, line.to, line.places);
    this.#text.replaceChildren(...shown.map((piece) => paint(piece, paints, line)));
    this.#text.style.transform = line.shift ? `translateX(${-line.shift}px)` : "";
    this.#drawSelection(line, line.from + columnsOf(shown));
    this.#drawMore(line, shown);
  }

  #drawSelection({ selected, from, shift, charWidth }: LineView, end: number): void {
    const { style } = this.#select;
    const open = selected?.[1] === END;
    const first = Math.max(from, selected?.[0] ?? END);
    const last = open ? END : Math.min(end, selected?.[1] ?? 0);
    this.#select.hidden = last <= first;
    if (this.#select.hidden) return;
    style.left = `${(first - from) * charWidth - shift}px`;
    style.width = open ? "100%" : `${(last - first) * charWidth}px`;
  }

  #drawMore({ hidden, cut, charWidth }: LineView, shown: readonly Piece[]): void {
    this.#more.hidden = hidden === 0 && cut === 0;
    if (this.#more.hidden) return;
    const columns = columnsOf(shown);
    this.#more.className = cut > 0 ? "more cut-more" : "more fold-more";
    this.#more.style.left = cut > 0 ? "" : `${(columns + 2) * charWidth}px`;
    setText(this.#more, cut > 0 ? `${size(cut)} more · show` : `+${count(hidden)} lines`);
  }
}

function columnsOf(shown: readonly Piece[]): number {
  return shown.reduce((sum, piece) => sum + piece.columns, 0);
}

function paint(piece: Piece, paints: Paints, { charWidth }: LineView): Node {
  const { span, text, place, wide } = piece;
  const { color, background } = paints.of(span.fg, span.bg);
  const flags = flagsOf(span.fg);
  const plain = !color && !background && flags === 0 && !span.link && place < 0 && !wide;
  if (plain) return document.createTextNode(text);
  const element = span.link ? link(span.link, text) : h(place < 0 ? "span" : "mark", { text });
  const { style } = element;
  if (color && place < 0) style.color = color;
  if (background && place < 0) {
    style.background = background;
    element.classList.add("back");
  }
  if (flags & BOLD) style.fontWeight = "700";
  if (flags & ITALIC) style.fontStyle = "italic";
  const lines = [flags & UNDERLINE ? "underline" : "", flags & STRIKE ? "line-through" : ""];
  if (flags & (UNDERLINE | STRIKE)) style.textDecoration = lines.join(" ").trim();
  if (wide) {
    element.classList.add("wide");
    style.width = `${piece.columns * charWidth}px`;
  }
  return element;
}

/** The title says where a link really goes; text that looks like another place is marked. */
function link(address: string, text: string): HTMLElement {
  const { host, href } = new URL(address);
  const looksElsewhere = /[\w-]+\.[a-z]{2,}/i.test(text) && !text.includes(host);
  return h("a", {
    href,
    target: "_blank",
    rel: "noopener noreferrer",
    class: looksElsewhere ? "link elsewhere" : "link",
    title: `${host} — ${href}`,
    tabindex: -1,
    text,
  });
}
