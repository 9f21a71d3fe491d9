// Colours and styles of terminal text: SGR into a pen, a line of bytes into spans.
//
// Only SGR and OSC 8 links to http and https have an effect here; every other sequence is
// swallowed by the tokenizer, and characters that hide or reorder text become visible.

import { visible } from "../base/visible.ts";
import { type Parameters, Tokenizer, type TokenSink } from "./tokens.ts";
import { hides } from "./width.ts";

/** More spans than this in a line run together into the last one. */
export const MAX_SPANS = 2000;

export const BOLD = 1;
export const DIM = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const INVERSE = 16;
export const STRIKE = 32;
export const HIDDEN = 64;

/**
 * A colour: 0 is the default, 1 … 256 the palette's entries 0 … 255, and RGB + rrggbb.
 * A style is two words: `fg` carries the flags in its upper 7 bits, `bg` is a colour alone.
 */
export const RGB = 0x1000000;
const COLOUR = 0x1ffffff;
const FLAG_SHIFT = 25;

export const colourOf = (word: number): number => word & COLOUR;
export const flagsOf = (word: number): number => word >>> FLAG_SHIFT;

/** One piece of a line in one style; the text is safe to show as it is. */
export interface Span {
  text: string;
  fg: number;
  bg: number;
  link: string;
}

export interface Line {
  spans: Span[];
  /** The visible text: what is searched, copied and measured. */
  text: string;
}

/** The style that the next character gets. */
export class Pen {
  fg = 0;
  bg = 0;

  set(fg: number, bg: number): void {
    this.fg = fg;
    this.bg = bg;
  }

  apply(list: Parameters): void {
    if (list.count === 0) this.set(0, 0);
    let at = 0;
    while (at < list.count) at = this.#one(list, at);
  }

  #one(list: Parameters, at: number): number {
    const code = Math.max(list.values[at]!, 0);
    const next = at + 1;
    const joined = next < list.count && list.joined[next] === 1;
    if (code === 38 || code === 48 || code === 58) return this.#colour(code, list, at);
    if (joined) return this.#joined(code, list, at);
    if (code === 0) this.set(0, 0);
    else if (code < 30) this.#flag(code);
    else if (code < 38) this.#foreground(code - 29);
    else if (code === 39) this.#foreground(0);
    else if (code >= 40 && code < 48) this.bg = code - 39;
    else if (code === 49) this.bg = 0;
    else if (code >= 90 && code < 98) this.#foreground(code - 81);
    else if (code >= 100 && code < 108) this.bg = code - 91;
    return next;
  }

  #flag(code: number): void {
    if (code === 22) this.#clear(BOLD | DIM);
    else if (code >= 23 && code < 30) this.#clear(FLAG_OFF[code - 23]!);
    else if (code === 21) this.#raise(UNDERLINE);
    else if (code < 10) this.#raise(FLAG_ON[code]!);
  }

  /** `4:3` and its like: a kind of underline, `4:0` for none; other joined numbers mean nothing. */
  #joined(code: number, list: Parameters, at: number): number {
    if (code === 4) {
      if (list.values[at + 1] === 0) this.#clear(UNDERLINE);
      else this.#raise(UNDERLINE);
    }
    return afterJoined(list, at);
  }

  /** `38;5;n`, `38;2;r;g;b`, and with colons `38:5:n`, `38:2:r:g:b`, `38:2:space:r:g:b`. */
  #colour(code: number, list: Parameters, at: number): number {
    const colons = list.joined[at + 1] === 1 && at + 1 < list.count;
    const kind = at + 1 < list.count ? list.values[at + 1] : -1;
    const end = colons ? afterJoined(list, at) : Math.min(at + (kind === 5 ? 3 : 5), list.count);
    if (kind === 5 && at + 2 < end) this.#paint(code, palette(list.values[at + 2]!));
    else if (kind === 2) {
      const first = colons && end - at > 5 ? at + 3 : at + 2;
      if (first + 2 < end) this.#paint(code, rgb(list, first));
    } else if (!colons) return at + 2;
    return end;
  }

  #paint(code: number, colour: number): void {
    if (colour < 0) return;
    if (code === 38) this.#foreground(colour);
    else if (code === 48) this.bg = colour;
  }

  #foreground(colour: number): void {
    this.fg = ((this.fg & ~COLOUR) | colour) >>> 0;
  }

  #raise(flags: number): void {
    this.fg = (this.fg | (flags << FLAG_SHIFT)) >>> 0;
  }

  #clear(flags: number): void {
    this.fg = (this.fg & ~(flags << FLAG_SHIFT)) >>> 0;
  }
}

const FLAG_ON = [0, BOLD, DIM, ITALIC, UNDERLINE, 0, 0, INVERSE, HIDDEN, STRIKE];
const FLAG_OFF = [ITALIC, UNDERLINE, 0, 0, INVERSE, HIDDEN, STRIKE];

function afterJoined(list: Parameters, at: number): number {
  let end = at + 1;
  while (end < list.count && list.joined[end] === 1) end++;
  return end;
}

function palette(index: number): number {
  return index > 255 ? -1 : Math.max(index, 0) + 1;
}

function rgb(list: Parameters, at: number): number {
  const part = (offset: number) => Math.min(Math.max(list.values[at + offset]!, 0), 255);
  return RGB | (part(0) << 16) | (part(1) << 8) | part(2);
}

/** The address of an OSC 8, or "" for none and for every scheme but http and https. */
export function linkTarget(osc: string): string {
  if (!osc.startsWith("8;")) return "";
  const address = osc.slice(osc.indexOf(";", 2) + 1);
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return "";
  return new URL(address).href;
}

const utf8 = new TextDecoder();

/** Gathers the spans of one line; sequences other than SGR and links have no effect. */
class SpanSink implements TokenSink {
  readonly spans: Span[] = [];
  readonly pen = new Pen();
  #link = "";
  #parts: string[] = [];
  #last: Span | null = null;

  constructor(private readonly bytes: Uint8Array) {}

  print(from: number, to: number, ascii: boolean): void {
    const text = utf8.decode(this.bytes.subarray(from, to));
    this.#add(ascii || !hides(text) ? text : visible(text));
  }

  control(code: number): void {
    if (code === 0x09) this.#add("\t");
    else if (code !== 0x07 && code !== 0x08 && code !== 0x0a && code !== 0x0d)
      this.#add(visible(String.fromCharCode(code)));
  }

  csi(final: number, parameters: Parameters, prefix: number, intermediate: number): void {
    if (final === 0x6d && prefix === 0 && intermediate === 0) this.pen.apply(parameters);
  }

  begin(): void {}
  uncommon(): void {}

  escape(): void {}

  osc(text: string): void {
    if (text.startsWith("8;")) this.#link = linkTarget(text);
  }

  finish(): Span[] {
    if (this.#last) this.#last.text = this.#parts.join("");
    return this.spans;
  }

  #add(text: string): void {
    const { fg, bg } = this.pen;
    const last = this.#last;
    if (
      last &&
      (this.spans.length === MAX_SPANS ||
        (last.fg === fg && last.bg === bg && last.link === this.#link))
    ) {
      this.#parts.push(text);
      return;
    }
    this.finish();
    this.#last = { text: "", fg, bg, link: this.#link };
    this.#parts = [text];
    this.spans.push(this.#last);
  }
}

/** Read one line (without its line break) that begins in the given style. */
export function parseLine(bytes: Uint8Array, fg = 0, bg = 0): Line {
  const sink = new SpanSink(bytes);
  sink.pen.set(fg, bg);
  new Tokenizer().feed(bytes, 0, bytes.length, sink);
  const spans = sink.finish();
  return { spans, text: spans.length === 1 ? spans[0]!.text : spans.map((s) => s.text).join("") };
}

/** The SGR sequence that sets exactly this style, whatever was set before. */
export function sgr(fg: number, bg: number): string {
  const flags = flagsOf(fg);
  const codes = ["0"];
  for (let code = 1; code < FLAG_ON.length; code++) {
    if (FLAG_ON[code]! & flags) codes.push(String(code));
  }
  if (colourOf(fg)) codes.push(colourCode(38, colourOf(fg)));
  if (bg) codes.push(colourCode(48, bg));
  return `\x1b[${codes.join(";")}m`;
}

function colourCode(code: number, colour: number): string {
  if (colour < RGB) return `${code};5;${colour - 1}`;
  return `${code};2;${(colour >> 16) & 255};${(colour >> 8) & 255};${colour & 255}`;
}
