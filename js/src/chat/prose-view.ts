// The elements of an agent's text. While it grows only its last block is made anew.

import { visible } from "../base/visible.ts";
import { h } from "../ui/dom.ts";
import { type Block, blocks, spans } from "./prose.ts";

/** Text beyond this is shown when asked for: one block may be megabytes. */
const CUT = 20_000;

export class ProseView {
  readonly element = h("div", { class: "prose", dir: "auto" });
  #text = "";
  #shown: Block[] = [];
  #whole = false;

  draw(text: string): void {
    if (text === this.#text) return;
    const grows = text.startsWith(this.#text);
    this.#text = text;
    const last = this.#shown.at(-1);
    if (!grows || !last) {
      this.#shown = [];
      this.element.replaceChildren();
    } else {
      this.#shown.pop();
      this.element.lastElementChild?.remove();
    }
    if (!this.#whole && text.length > CUT && this.element.querySelector(".more")) return;
    const from = grows && last ? last.from : 0;
    const end = this.#whole ? text.length : CUT;
    for (const block of blocks(text.slice(0, end), from)) {
      this.#shown.push(block);
      this.element.append(element(block));
    }
    if (text.length > end) this.#offerRest();
  }

  #offerRest(): void {
    const more = h("button", { class: "more", text: "show all of it" });
    more.addEventListener("click", () => {
      const text = this.#text;
      this.#whole = true;
      this.#text = "";
      this.#shown = [];
      this.element.replaceChildren();
      this.draw(text);
    });
    this.element.append(h("p", {}, more));
  }
}

function element(block: Block): HTMLElement {
  switch (block.kind) {
    case "code":
      return code(block);
    case "table":
      return h("pre", { class: "code", tabindex: 0, text: visible(block.text) });
    case "heading":
      return inline(h("p", { class: "heading" }), block.text);
    case "item": {
      const item = h("p", { class: "item", "data-depth": block.depth });
      item.append(h("span", { class: "bullet", text: block.label }));
      item.append(inline(h("span", { class: "said" }), block.text));
      return item;
    }
    case "paragraph":
      return inline(h("p"), block.text);
  }
}

function code({ text, label }: Block): HTMLElement {
  const pre = h("pre", { class: "code", tabindex: 0, dir: "ltr", text: visible(text) });
  const name = label && h("span", { class: "language", text: label });
  return h("div", { class: "fenced" }, name, pre);
}

function inline<T extends HTMLElement>(into: T, text: string): T {
  for (const { text: part, style } of spans(text)) {
    if (style === "") into.append(visible(part));
    else into.append(h(style === "code" ? "code" : "strong", { text: visible(part) }));
  }
  return into;
}
