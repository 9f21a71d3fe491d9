// A tool call: one calm line, and behind it what went in, what came out, what it changed.

import type { Json } from "../base/json.ts";
import { visible, visibleLine } from "../base/visible.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { jsonTree } from "../ui/tree.ts";
import type { Tool } from "./conversation.ts";
import { type DiffLine, diffCounts, diffLines } from "./diff.ts";
import type { Diff } from "./updates.ts";
import { toolTime, toolWord } from "./words.ts";

const CUT = 8000;
const DIFF_LINES = 400;
const SIGNS = new Map([
  ["pending", "○"],
  ["in_progress", "◌"],
  ["completed", "✓"],
  ["failed", "✕"],
  ["stopped", "■"],
]);

export class ToolView {
  readonly element: HTMLDetailsElement;
  readonly #sign = h("i", { class: "tool-sign", "aria-hidden": "true" });
  readonly #title = h("span", { class: "tool-title", dir: "auto" });
  readonly #change = h("span", { class: "tool-change" });
  readonly #status = h("span", { class: "axon-hidden" });
  readonly #time = h("span", { class: "tool-time" });
  readonly #body = h("div", { class: "tool-body" });
  #drawn = -1;
  #touched = false;

  constructor(
    private readonly tool: Tool,
    private readonly copy: (text: string) => void,
  ) {
    const summary = h(
      "summary",
      {},
      this.#sign,
      this.#title,
      this.#change,
      this.#status,
      this.#time,
      h("span", { class: "fold", "aria-hidden": "true" }),
    );
    summary.addEventListener("click", () => {
      this.#touched = true;
    });
    this.element = h("details", { class: "tool" }, summary, this.#body);
    this.element.addEventListener("toggle", () => this.#fill());
  }

  draw(now: number): void {
    const { tool } = this;
    setText(this.#time, toolTime(tool, now));
    if (this.#drawn === tool.revision) return;
    this.#drawn = tool.revision;
    setAttribute(this.element, "data-status", known(tool.status));
    setText(this.#sign, SIGNS.get(tool.status) ?? "○");
    setText(this.#title, visibleLine(tool.title || tool.sort || tool.id || "a tool"));
    setText(this.#status, toolWord(tool.status));
    const { added, removed } = counts(tool.diffs);
    setText(this.#change, tool.diffs.length > 0 ? `+${added} −${removed}` : "");
    // What changes a file or went wrong is worth a look without a click.
    const worthIt = tool.diffs.length > 0 || tool.status === "failed";
    if (worthIt && !this.#touched) this.element.open = true;
    this.#fill();
  }

  /** Made when it is looked at. */
  #fill(): void {
    if (!this.element.open) return;
    const { tool, copy } = this;
    this.#body.replaceChildren();
    if (tool.paths && tool.paths.length > 0 && tool.diffs.length === 0)
      this.#body.append(h("div", { class: "path", text: visibleLine(tool.paths.join(", ")) }));
    for (const diff of tool.diffs) this.#body.append(diffElement(diff));
    if (tool.input !== undefined && tool.diffs.length === 0)
      this.#add("input", value(tool.input, copy));
    if (tool.text) this.#add("output", textElement(tool.text));
    if (tool.output !== undefined)
      this.#add(tool.text ? "result" : "output", value(tool.output, copy));
    if (this.#body.childElementCount === 0)
      this.#body.append(h("div", { class: "path", text: "no input or output was told" }));
  }

  #add(name: string, shown: HTMLElement): void {
    this.#body.append(
      h("div", { class: "part" }, h("span", { class: "part-name", text: name }), shown),
    );
  }
}

/** A status that the style sheet knows. */
function known(status: string): string {
  return SIGNS.has(status) ? status : "pending";
}

/** A value as a tree; a text as it is. */
export function value(json: Json, copy: (text: string) => void): HTMLElement {
  return typeof json === "string" ? textElement(json) : jsonTree(json, { copy });
}

export function textElement(text: string): HTMLElement {
  const pre = h("pre", { class: "code", tabindex: 0, dir: "auto" });
  if (text.length <= CUT) {
    pre.textContent = visible(text);
    return pre;
  }
  const more = h("button", {
    class: "more",
    text: `show all ${text.length} characters`,
  });
  more.addEventListener("click", () => {
    pre.textContent = visible(text);
  });
  pre.append(visible(text.slice(0, CUT)), "… ", more);
  return pre;
}

/** The changed lines of a file, marked by sign and colour. */
export function diffElement(diff: Diff): HTMLElement {
  const lines = diffLines(diff.before, diff.after);
  const body = h("pre", { class: "diff", tabindex: 0, dir: "ltr" });
  const show = (some: readonly DiffLine[]) => {
    body.append(...some.map(({ sign, text }) => lineElement(sign, text)));
  };
  show(lines.slice(0, DIFF_LINES));
  if (lines.length > DIFF_LINES) {
    const rest = lines.length - DIFF_LINES;
    const more = h("button", { class: "more", text: `show ${rest} more lines` });
    more.addEventListener("click", () => {
      more.remove();
      show(lines.slice(DIFF_LINES));
    });
    body.append(more);
  }
  const isNew = diff.before === null ? h("span", { class: "new-file", text: "new file" }) : null;
  const path = h("div", { class: "path" }, visibleLine(diff.path || "a file"), isNew);
  return h("div", { class: "change" }, path, body);
}

function lineElement(sign: DiffLine["sign"], text: string): HTMLElement {
  const shown = text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
  const kind = { "+": "added", "-": "removed", " ": "same", "…": "skipped" }[sign];
  return h("span", { class: `line ${kind}` }, h("b", { text: sign }), `${visible(shown)}\n`);
}

function counts(diffs: readonly Diff[]): { added: number; removed: number } {
  const all = diffs.flatMap(({ before, after }) => diffLines(before, after));
  return diffCounts(all);
}
