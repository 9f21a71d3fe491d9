// One row of the list: made once, filled again and again as the list moves under it.

import { count, duration, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import type { EventAnnotation } from "../events/event-annotations.ts";
import { KIND_HUES } from "../events/event-kinds.ts";
import type { EventAt } from "../events/event-store.ts";
import type { Pair } from "../events/lane.ts";
import type { Summary } from "../events/summary.ts";
import type { Pattern } from "../filter/pattern.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { type IconName, icon, setIcon } from "../ui/icons.ts";
import { Divider, type Row } from "./row-index.ts";

export const SHAPES = { plain: "dot", error: "triangle", quiet: "ring" } as const;
const WORDS = { plain: "", error: "error", quiet: "quiet" } as const;
const MARK_LIMIT = 20;
const BADGE_LIMIT = 40;
/** A shorter gap is not worth a number. */
const SHORT_MS = 100;
const LONG_MS = 5000;
/** The bar of a gap is full at 100 s. */
const DECADES = 3;

/** What a row shows; the list works it out, the row writes it down. */
export interface RowView {
  index: number;
  row: Row;
  event: EventAt;
  /** Name and colour of the axon; empty where there is one only. */
  axon: string;
  axonHue: string;
  time: string;
  /** Since the event in the row before, ms. */
  gap: number | null;
  /** The full time, for the tooltip. */
  timeTitle: string;
  summary: Summary;
  pair: Pair | null;
  badges: readonly EventAnnotation[];
  divider: string;
  old: boolean;
  selected: boolean;
  active: boolean;
  found: boolean;
  unfolded: boolean;
  highlight: Pattern | null;
}

export class RowElement {
  readonly element: HTMLElement;
  readonly #axon = cell("axon-cell");
  readonly #seq = cell("seq");
  readonly #time = cell("time");
  readonly #gap = cell("gap");
  readonly #shape = icon("", "shape");
  readonly #shapeWord = h("span", { class: "axon-hidden" });
  readonly #type = h("span", { class: "name" });
  readonly #times = h("span", { class: "times" });
  readonly #foldIcon = icon("");
  readonly #fold = h("span", { class: "fold" }, this.#foldIcon);
  readonly #lead = h("b", { class: "lead" });
  readonly #text = h("span", { class: "text", dir: "auto" });
  readonly #badgeText = h("span");
  readonly #badge = h("span", { class: "row-badge" }, icon("tag"), this.#badgeText);
  readonly #pairIcon = icon("");
  readonly #pairTime = h("span");
  readonly #pair = cell("pair");
  readonly #divider = h("div", { class: "divider", role: "gridcell", "aria-colspan": 7 });
  readonly #cells: HTMLElement[];
  #isDivider: boolean | null = null;
  /** What the row shows now; the same key need not be drawn again. */
  key = "";

  constructor(id: string) {
    const type = cell("type");
    type.append(this.#shape, this.#shapeWord, this.#type, this.#times);
    const summary = cell("summary");
    summary.append(this.#badge, this.#fold, this.#lead, this.#text);
    this.#pair.append(this.#pairIcon, this.#pairTime);
    this.#cells = [this.#axon, this.#seq, this.#time, this.#gap, type, summary, this.#pair];
    this.element = h("div", { class: "row", role: "row", id });
  }

  place(y: number): void {
    this.element.style.transform = `translateY(${y}px)`;
  }

  hide(): void {
    if (this.key === "hidden") return;
    this.key = "hidden";
    this.element.hidden = true;
  }

  draw(view: RowView): void {
    const { element } = this;
    element.hidden = false;
    this.#become(view.row.divider !== 0);
    setAttribute(element, "aria-rowindex", String(view.index + 2));
    element.dataset.state = states(view);
    if (view.row.divider !== 0) {
      setAttribute(element, "aria-selected", null);
      setText(this.#divider, view.divider);
      this.#divider.dataset.kind = DIVIDER_KINDS.get(view.row.divider) ?? "";
      return;
    }
    setAttribute(element, "aria-selected", view.selected ? "true" : "false");
    this.#drawEvent(view);
  }

  #drawEvent(view: RowView): void {
    const { event, row } = view;
    setText(this.#axon, visibleLine(view.axon));
    this.element.style.setProperty("--axon-hue", view.axonHue);
    setText(this.#seq, String(event.sequence));
    setText(this.#time, view.time);
    this.#time.title = view.timeTitle;
    this.#drawGap(view.gap);
    setIcon(this.#shape, SHAPES[event.look.shape]);
    setText(this.#shapeWord, WORDS[event.look.shape]);
    this.element.style.setProperty("--hue", `var(--c${hueOf(event)})`);
    setText(this.#type, visibleLine(event.kind === "other" ? event.event_type : event.kind));
    this.#type.title = event.event_type;
    setText(this.#times, row.count > 1 ? `×${count(row.count)}` : "");
    this.#fold.hidden = row.count <= 1;
    setIcon(this.#foldIcon, view.unfolded ? "down" : "right");
    this.#badge.hidden = view.badges.length === 0;
    setText(this.#badgeText, view.badges.map(badgeWords).join(", "));
    this.#drawSummary(view);
    const [mark, text, state] = pairText(view);
    setIcon(this.#pairIcon, mark);
    setText(this.#pairTime, text);
    this.#pair.dataset.state = state;
  }

  /** Where nothing happened for long is seen by length and colour, not only read. */
  #drawGap(gap: number | null): void {
    setText(this.#gap, gap === null || gap < SHORT_MS ? "" : duration(gap));
    const length = gap === null || gap < SHORT_MS ? 0 : Math.log10(gap / SHORT_MS) / DECADES;
    this.#gap.style.setProperty("--gap", String(Math.min(1, length)));
    this.#gap.dataset.long = String(gap !== null && gap >= LONG_MS);
  }

  #drawSummary({ summary, highlight }: RowView): void {
    const lead = visibleLine(summary.lead);
    const text = visibleLine(summary.text);
    this.element.dataset.tone = summary.tone;
    if (summary.fields) {
      this.#lead.textContent = "";
      this.#text.replaceChildren(
        ...summary.fields.flatMap((field) => fieldNodes(field, highlight)),
      );
      return;
    }
    if (!highlight) {
      setText(this.#lead, lead);
      setText(this.#text, text);
      return;
    }
    this.#lead.replaceChildren(...marked(lead, highlight));
    this.#text.replaceChildren(...marked(text, highlight));
  }

  #become(divider: boolean): void {
    if (divider === this.#isDivider) return;
    this.#isDivider = divider;
    this.element.replaceChildren(...(divider ? [this.#divider] : this.#cells));
  }
}

const DIVIDER_KINDS = new Map<number, string>([
  [Divider.Pause, "pause"],
  [Divider.Missing, "missing"],
  [Divider.Mark, "mark"],
  [Divider.Epoch, "epoch"],
]);

/** The words on a divider. */
export function dividerText(
  divider: Divider,
  facts: {
    quietMs: number;
    missing: number;
    why: "lost" | "recovering" | "not kept";
    label: string;
  },
): string {
  switch (divider) {
    case Divider.Pause:
      return `${duration(facts.quietMs)} later`;
    case Divider.Missing:
      return facts.why === "recovering"
        ? `recovering ${plural(facts.missing, "event")} …`
        : `${plural(facts.missing, "event")} ${facts.why}`;
    case Divider.Mark:
      return visibleLine(facts.label);
    case Divider.Epoch:
      return facts.label;
  }
}

/** Colours of kinds are few and keep; what is of no kind has its type's colour. */
function hueOf({ kind, look }: EventAt): number {
  return kind === "other" || look.shape === "error" ? look.hue : KIND_HUES[kind];
}

function cell(name: string): HTMLElement {
  return h("span", { class: name, role: "gridcell" });
}

function states(view: RowView): string {
  const names: string[] = [];
  if (view.selected) names.push("selected");
  if (view.active) names.push("active");
  if (view.found) names.push("found");
  if (view.old) names.push("old");
  if (view.row.child) names.push("child");
  return names.join(" ");
}

function badgeWords({ label, score, note }: EventAnnotation): string {
  const value = score === null ? "" : String(Math.round(score * 1e4) / 1e4);
  const words = [label, value].filter(Boolean).join(" · ") || note || "annotated";
  return visibleLine(words.slice(0, BADGE_LIMIT));
}

/** Icon, duration and state: where a pair opens, closes, and what is inside it. */
function pairText({ pair, row }: RowView): [IconName | "", string, string] {
  if (!pair || row.count > 1) return ["", "", ""];
  const ended = pair.failed ? "bad" : "done";
  if (pair.open === row.position) {
    if (pair.close < 0) return ["opens", "…", "open"];
    return ["opens", duration(pair.closeTime - pair.openTime), ended];
  }
  if (pair.open < 0) return ["", "", ""];
  return pair.close === row.position ? ["closes", "", ended] : ["inside", "", ""];
}

function fieldNodes([key, value]: readonly [string, string], highlight: Pattern | null): Node[] {
  const shown = visibleLine(value);
  const element = h("span", { class: "value", dir: "auto" });
  if (highlight) element.append(...marked(shown, highlight));
  else element.textContent = shown;
  return [h("span", { class: "field", text: visibleLine(key) }), element];
}

/** The text with what was found in <mark> elements. */
export function marked(text: string, pattern: Pattern): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let at = 0;
  for (const [start, end] of pattern.places(text, MARK_LIMIT)) {
    parts.push(text.slice(at, start), h("mark", { text: text.slice(start, end) }));
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}
