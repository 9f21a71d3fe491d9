// A tool call: one calm line, and behind it what went in, what came out, what it changed. What a
// subagent did stands under the call that started it.

import { plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { isOpenTool, toolTime, toolWord } from "../content/entry-words.ts";
import { changeCounts, partElement, textElement, value } from "../content/parts-view.ts";
import type { Tool } from "../trace/model.ts";
import { h, setAttribute, setText } from "../ui/dom.ts";
import { type IconName, icon, setIcon } from "../ui/icons.ts";
import type { Around, ItemView } from "./around.ts";
import { ItemList } from "./item-list.ts";

const SIGNS = new Map<string, IconName>([
  ["pending", "ring"],
  ["in_progress", "arc"],
  ["completed", "check"],
  ["failed", "cross"],
  ["stopped", "square"],
]);

export class ToolView implements ItemView {
  readonly element: HTMLDetailsElement;
  readonly #sign = icon("", "tool-sign");
  readonly #title = h("span", { class: "tool-title", dir: "auto" });
  readonly #facts = h("span", { class: "tool-change" });
  readonly #status = h("span", { class: "axon-hidden" });
  readonly #time = h("span", { class: "tool-time" });
  readonly #content = h("div", { class: "tool-content" });
  readonly #children: ItemList;
  #drawn = -1;
  #filled = -1;
  #now = 0;
  #isTouched = false;

  constructor(
    private readonly tool: Tool,
    private readonly around: Around,
  ) {
    const fold = icon("right", "fold");
    const summary = h("summary", {}, this.#sign, this.#title, this.#facts, this.#status);
    summary.append(this.#time, fold);
    summary.addEventListener("click", () => {
      this.#isTouched = true;
    });
    this.#children = new ItemList(around, "nested");
    const body = h("div", { class: "tool-body" }, this.#content, this.#children.element);
    this.element = h("details", { class: "tool" }, summary, body);
    this.element.addEventListener("toggle", () => {
      this.#fill();
      this.#drawChildren();
      around.changed();
    });
  }

  draw(now: number): void {
    const { tool, around, element } = this;
    setText(this.#time, toolTime(tool, now));
    const children = around.chat.outline.childrenOf(tool.call_id ?? "");
    if (this.#drawn !== tool.changes) {
      this.#drawn = tool.changes;
      setAttribute(element, "data-status", SIGNS.has(tool.status) ? tool.status : "pending");
      setAttribute(element, "data-tool", tool.tool_kind === "agent" ? "agent" : null);
      setIcon(this.#sign, SIGNS.get(tool.status) ?? "ring");
      setText(this.#title, visibleLine(tool.title || tool.name || tool.tool_kind || "a tool"));
      setText(this.#status, toolWord(tool.status));
      this.#fill();
    }
    setText(this.#facts, this.#factsText(children.length));
    if (!this.#isTouched) element.open ||= this.#isWorthALook(children.length);
    this.#now = now;
    this.#drawChildren();
  }

  /** Only what is looked at is drawn. */
  #drawChildren(): void {
    const { tool, around, element } = this;
    if (!element.open) return;
    this.#children.draw(around.chat.outline.childrenOf(tool.call_id ?? ""), this.#now);
  }

  /** What changes a file, shows a picture, went wrong or is being worked on is shown at once. */
  #isWorthALook(children: number): boolean {
    const { tool } = this;
    const isShown = tool.parts.some(({ type }) => type === "diff" || type === "image");
    return isShown || tool.status === "failed" || (children > 0 && isOpenTool(tool.status));
  }

  #factsText(children: number): string {
    const { tool } = this;
    const counts = changeCounts(tool.parts);
    return [
      counts && `+${counts.added} −${counts.removed}`,
      children > 0 && plural(children, "step"),
      tool.permission === "denied" && "not allowed",
      isOpenTool(tool.status) && tool.progress && visibleLine(tool.progress.slice(0, 100)),
      tool.exit_status ? `exit status ${tool.exit_status}` : "",
    ]
      .filter(Boolean)
      .join(" · ");
  }

  /** Made when it is looked at. */
  #fill(): void {
    const { tool, around, element } = this;
    if (!element.open || this.#filled === tool.changes) return;
    this.#filled = tool.changes;
    const { locations = [], parts, error = "" } = tool;
    const hasDiffs = parts.some(({ type }) => type === "diff");
    const paths = locations.map(({ path, line }) => `${path}${line == null ? "" : `:${line}`}`);
    this.#content.replaceChildren();
    if (paths.length > 0 && !hasDiffs)
      this.#content.append(h("div", { class: "path", text: visibleLine(paths.join(", ")) }));
    if (tool.input != null && !hasDiffs) this.#add("input", value(tool.input, around.copy));
    if (tool.text) this.#add("output", textElement(tool.text));
    for (const part of parts) {
      const shown = partElement(part, around.copy);
      if (part.type === "diff" || part.type === "image") this.#content.append(shown);
      else this.#add("output", shown);
    }
    if (parts.length === 0 && !tool.text && tool.raw_output != null)
      this.#add("output", value(tool.raw_output, around.copy));
    const isSaid = (text: string) => text.startsWith(error);
    if (error && !isSaid(tool.text) && !parts.some((p) => p.type === "text" && isSaid(p.text)))
      this.#add("error", textElement(error));
    const isEmpty = this.#content.childElementCount === 0 && !isOpenTool(tool.status);
    if (isEmpty) this.#content.append(h("div", { class: "path", text: "no input, no output" }));
  }

  #add(name: string, shown: HTMLElement): void {
    this.#content.append(
      h("div", { class: "part" }, h("span", { class: "part-name", text: name }), shown),
    );
  }
}
