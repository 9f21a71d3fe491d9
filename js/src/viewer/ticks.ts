// Where the finds are, next to the scroll bar.

import { h } from "../ui/dom.ts";
import type { ScrollMap } from "../ui/scroll-map.ts";
import type { Look } from "./look.ts";
import type { Pointing } from "./pointing.ts";
import type { Showing } from "./showing.ts";

const WIDTH = 6;
const MOST = 2000;

export class Ticks {
  readonly element = h("canvas", { class: "ticks", "aria-hidden": "true", width: WIDTH });
  #drawn = "";

  constructor(
    private readonly showing: Showing,
    private readonly pointing: Pointing,
    private readonly scroll: ScrollMap,
    private readonly look: Look,
  ) {}

  draw(): void {
    const { pointing, showing, scroll, look } = this;
    const { found } = pointing.search;
    const height = Math.max(1, Math.floor(scroll.view));
    // A canvas that gets a size is made anew, even an empty one.
    this.element.hidden = found.length === 0;
    if (this.element.hidden) return;
    const key = [found.length, showing.rows.length, height, pointing.findIndex, look.drawKey].join(
      " ",
    );
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.element.height = height;
    const context = this.element.getContext("2d");
    if (!context || found.length === 0 || showing.rows.length === 0) return;
    const style = getComputedStyle(this.element);
    const tick = (position: number, size: number) => {
      const y = (showing.rows.indexOf(position) / showing.rows.length) * (height - 2);
      context.fillRect(0, Math.floor(y), WIDTH, size);
    };
    context.fillStyle = style.color;
    const step = Math.ceil(found.length / MOST);
    for (let i = 0; i < found.length; i += step) tick(found[i]!, 2);
    context.fillStyle = style.outlineColor;
    const now = found[pointing.findIndex];
    if (now !== undefined) tick(now, 4);
  }
}
