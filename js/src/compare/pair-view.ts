// One pair of steps: what it is, how it differs, and the texts that do.

import { count, duration, plural } from "../base/format.ts";
import { visible, visibleLine } from "../base/visible.ts";
import { diffLines } from "../content/diff.ts";
import { h } from "../ui/dom.ts";
import type { Side, StepPair } from "./compare-model.ts";
import { type MarkedLine, type SideRow, sideRows } from "./side-lines.ts";

const PREVIEW = 160;
const ROWS = 200;
const LINE = 2000;

/** A pair that differs, with the texts that do. */
export function pairElement(pair: StepPair): HTMLElement {
  const fields = (["input", "output"] as const).filter((field) => shows(pair, field));
  return h(
    "li",
    { class: "pair", "data-what": pair.what, tabindex: -1 },
    pairHead(pair),
    h("div", { class: "sides facts" }, ...facts(pair)),
    ...fields.map((field) => textsElement(field, pair.a?.[field] ?? null, pair.b?.[field] ?? null)),
  );
}

/** A pair that is the same, in one line. */
export function sameElement(pair: StepPair): HTMLElement {
  const text = visibleLine(preview(pair.b ?? pair.a));
  return h("div", { class: "same-step" }, stepName(pair), h("span", { class: "preview", text }));
}

function shows(pair: StepPair, field: "input" | "output"): boolean {
  if (pair.a && pair.b) return pair.differs.includes(field);
  return (pair.a ?? pair.b)![field] !== "";
}

function pairHead(pair: StepPair): HTMLElement {
  return h(
    "div",
    { class: "pair-head" },
    h("span", { class: "what", text: pair.what }),
    stepName(pair),
    h("span", { class: "preview", text: visibleLine(preview(pair.b ?? pair.a)) }),
  );
}

function stepName({ step, name }: StepPair): HTMLElement {
  return h("b", { class: "step-name", text: visibleLine(step === "turn" ? "Turn" : name) });
}

function preview(side: Side | null): string {
  const text = (side?.input ?? "").replace(/\s+/g, " ");
  return text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text;
}

/** Status, time, tokens and cost of each run. */
function facts({ a, b, differs }: StepPair): HTMLElement[] {
  const of = (side: Side | null, name: string) =>
    side
      ? h(
          "div",
          {},
          h("span", {
            class: differs.includes("status") ? "state-changed" : "",
            text: side.status,
          }),
          ` · #${count(side.sequence)}`,
          side.seconds === null ? null : ` · ${duration(side.seconds * 1000)}`,
          side.tokens === null ? null : ` · ${plural(side.tokens, "token")}`,
          side.cost === null ? null : ` · ${side.cost.toPrecision(3)}`,
        )
      : h("div", { class: "none", text: `not in ${name}` });
  return [of(a, "a"), of(b, "b")];
}

function textsElement(field: string, a: string | null, b: string | null): HTMLElement {
  const rows = sideRows(diffLines(a, b ?? ""));
  const body = h("div", { class: "texts", role: "group", "aria-label": `${field}, a and b` });
  const show = (some: readonly SideRow[]) => body.append(...some.map(rowElement));
  show(rows.slice(0, ROWS));
  if (rows.length > ROWS) {
    const more = h("button", { text: `show ${plural(rows.length - ROWS, "more line")}` });
    more.addEventListener("click", () => {
      more.remove();
      show(rows.slice(ROWS));
    });
    body.append(more);
  }
  return h("div", { class: "field" }, h("div", { class: "field-name", text: field }), body);
}

function rowElement(row: SideRow): HTMLElement {
  if (row.kind === "skipped") return h("div", { class: "skipped", text: `… ${row.text}` });
  if (row.kind === "same") {
    const { text } = row;
    const line = () => lineElement("same", { text, from: 0, to: 0 });
    return h("div", { class: "sides" }, line(), line());
  }
  return h("div", { class: "sides" }, lineElement("removed", row.a), lineElement("added", row.b));
}

function lineElement(kind: string, line: MarkedLine | null): HTMLElement {
  if (line === null) return h("div", { class: "line filler" });
  const { text, from, to } = line;
  const end = Math.min(text.length, LINE);
  const part = (start: number, stop: number) => visible(text.slice(start, Math.min(stop, end)));
  const sign = { removed: "−", added: "+" }[kind] ?? "";
  return h(
    "div",
    { class: `line ${kind}` },
    h("b", { text: sign }),
    h(
      "span",
      { dir: "auto" },
      part(0, from),
      to > from && from < end ? h("mark", { text: part(from, to) }) : null,
      part(Math.max(from, to), text.length),
      text.length > end ? "…" : null,
    ),
  );
}
