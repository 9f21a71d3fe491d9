// How a view shows its lines: the switches that are traits, the colours, and what was measured.

import { count } from "../base/format.ts";
import { assign } from "../kernel/traits.ts";
import { Paints, parseColour } from "./colour.ts";
import type { Model, Streams } from "./log-traits.ts";

export type SwitchName = "wrap" | "times" | "numbers" | "fold";

/** Columns of an arrival time, of the name of a stream, of a fold's mark. */
const TIME = 13;
const TAG = 3.5;
const FOLD = 1.5;

export class LogLook {
  paints = new Paints(false, 0, 0xffffff);
  charWidth = 7.5;
  readonly lineHeight = 16;
  /** Width of the columns left of the text, px. */
  gutter = 0;
  /** Grows when every line has to be drawn again. */
  drawKey = 0;

  constructor(
    private readonly model: Model,
    private readonly root: HTMLElement,
  ) {}

  get streams(): Streams {
    return this.model.get("streams") ?? "both";
  }

  get wrap(): boolean {
    return this.model.get("wrap") ?? true;
  }

  get times(): boolean {
    return this.model.get("times") ?? false;
  }

  get numbers(): boolean {
    return this.model.get("numbers") ?? true;
  }

  get fold(): boolean {
    return this.model.get("fold") ?? false;
  }

  toggle(name: SwitchName): void {
    assign(this.model, name, !this[name]);
  }

  setStreams(streams: Streams): void {
    assign(this.model, "streams", streams);
  }

  /** Read the colours of the theme. */
  themed(): void {
    const style = getComputedStyle(this.root);
    const dark = style.colorScheme === "dark";
    const text = parseColour(style.color, dark ? 0xe4e6ea : 0x1d2129);
    const back = parseColour(style.backgroundColor, dark ? 0x17191d : 0xffffff);
    this.paints = new Paints(dark, text, back);
    this.drawKey++;
  }

  /** Fit the gutter to the largest number; whether it has become another one. */
  fitGutter(rows: number, hasErrors: boolean): boolean {
    const { root } = this;
    const digits = this.numbers ? Math.max(3, count(rows).length) : 0;
    const times = this.times && root.dataset.size !== "narrow" ? TIME : 0;
    const tag = this.streams === "both" && hasErrors ? TAG : 0;
    const fold = this.fold ? FOLD : 0;
    const columns = (digits > 0 ? digits + 1 : 0) + times + tag + fold + 1;
    const gutter = Math.round(columns * this.charWidth * 0.92) + 6;
    if (gutter === this.gutter) return false;
    this.gutter = gutter;
    this.drawKey++;
    root.style.setProperty("--gutter", `${gutter}px`);
    root.style.setProperty("--number", `${digits}ch`);
    root.dataset.times = String(times > 0);
    root.dataset.fold = String(fold > 0);
    root.dataset.tag = String(tag > 0);
    return true;
  }
}
