// The elements of a text that the kernel has parsed. While it grows only what changed is made anew;
// what is not parsed yet follows as it was written.

import { visible, visibleLine } from "../base/visible.ts";
import type { Block, Child, Node } from "../trace/model.ts";
import { h } from "../ui/dom.ts";

/** Node → element; what is not in here is shown as its text. */
const TAGS: { readonly [kind: string]: keyof HTMLElementTagNameMap } = {
  p: "p",
  ul: "ul",
  ol: "ol",
  li: "li",
  quote: "blockquote",
  tr: "tr",
  th: "th",
  td: "td",
  hr: "hr",
  em: "em",
  strong: "strong",
  del: "del",
  code: "code",
  br: "br",
};
/** TOKEN_CLASSES of widgets/markdown.py. */
const TOKENS = new Set(
  "attribute builtin comment deleted function heading inserted keyword number operator string tag".split(
    " ",
  ),
);
const LINK = /^(https?:\/\/|mailto:)/;
/** Blocks beyond this are shown when asked for: one message may be megabytes. */
const CUT_BLOCKS = 300;
const CUT_TEXT = 20_000;

export class MarkdownView {
  readonly element = h("div", { class: "prose", dir: "auto" });
  #shown: Block[] = [];
  #tail: HTMLElement | null = null;
  #all = false;

  draw(text: string, blocks: readonly Block[]): void {
    const most = this.#all ? blocks.length : Math.min(blocks.length, CUT_BLOCKS);
    let same = 0;
    while (same < most && this.#shown[same] === blocks[same]) same++;
    this.#tail?.remove();
    while (this.#shown.length > same) {
      this.#shown.pop();
      this.element.lastElementChild?.remove();
    }
    for (const block of blocks.slice(same, most)) {
      this.#shown.push(block);
      this.element.append(child(block.node));
    }
    this.#tail = this.#rest(text.slice(blocks[most - 1]?.end ?? 0), () => {
      this.#all = true;
      this.draw(text, blocks);
    });
    if (this.#tail) this.element.append(this.#tail);
  }

  /** What no block covers. */
  #rest(rest: string, all: () => void): HTMLElement | null {
    if (rest.trim() === "") return null;
    const isLong = !this.#all && (rest.length > CUT_TEXT || this.#shown.length >= CUT_BLOCKS);
    if (!isLong) return h("p", { class: "tail", text: visible(rest) });
    const more = h("button", { class: "more", text: "show all of it" });
    more.addEventListener("click", all);
    return h("p", { class: "tail" }, visible(rest.slice(0, 2000)), "… ", more);
  }
}

/** The text of a block, without any mark. */
export function blockText(block: Block | undefined): string {
  const text = (node: Child): string =>
    typeof node === "string" ? node : (node.children ?? []).map(text).join("");
  return block ? text(block.node) : "";
}

function child(node: Child): HTMLElement | string {
  if (typeof node === "string") return visible(node);
  if (node.kind === "pre") return code(node);
  if (node.kind === "table") return h("div", { class: "table" }, fill(h("table"), node));
  if (node.kind === "a") return link(node);
  if (/^h[1-6]$/.test(node.kind))
    return fill(h("p", { class: "heading", role: "heading", "aria-level": node.kind[1]! }), node);
  if (node.kind === "token") {
    const name = TOKENS.has(node.name ?? "") ? `t-${node.name}` : "";
    return fill(h("span", { class: name }), node);
  }
  const element = fill(h(TAGS[node.kind] ?? "span"), node);
  if (node.kind === "ol" && node.start !== undefined)
    element.setAttribute("start", String(Number(node.start) || 1));
  if (node.name === "center" || node.name === "right") element.dataset.align = node.name;
  return element;
}

function fill<T extends HTMLElement>(element: T, node: Node): T {
  element.append(...(node.children ?? []).map(child));
  return element;
}

/** The kernel lets no other addresses through; neither does the page. */
function link(node: Node): HTMLElement {
  const href = node.href ?? "";
  if (!LINK.test(href)) return fill(h("span"), node);
  const title = `${visibleLine(node.host ?? "")}\n${visibleLine(href)}`;
  return fill(h("a", { href, title, target: "_blank", rel: "noopener noreferrer" }), node);
}

function code(node: Node): HTMLElement {
  const pre = fill(h("pre", { class: "code", tabindex: 0, dir: "ltr" }), node);
  const name = node.name && h("span", { class: "language", text: visibleLine(node.name) });
  return h("div", { class: "fenced" }, name, pre);
}
