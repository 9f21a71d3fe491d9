// How many terminal columns text takes: two for East Asian wide characters and emoji,
// none for marks that combine, one for the rest.

import { hidesSomething, visible } from "../base/visible.ts";

const WIDE =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f004}\u{1f0cf}\u{1f18e}\u{1f191}-\u{1f19a}\u{1f200}-\u{1f320}\u{1f32d}-\u{1f335}\u{1f337}-\u{1f37c}\u{1f37e}-\u{1f393}\u{1f3a0}-\u{1f3ca}\u{1f3cf}-\u{1f3d3}\u{1f3e0}-\u{1f3f0}\u{1f3f4}\u{1f3f8}-\u{1f43e}\u{1f440}\u{1f442}-\u{1f4fc}\u{1f4ff}-\u{1f53d}\u{1f54b}-\u{1f54e}\u{1f550}-\u{1f567}\u{1f57a}\u{1f595}\u{1f596}\u{1f5a4}\u{1f5fb}-\u{1f64f}\u{1f680}-\u{1f6c5}\u{1f6cc}\u{1f6d0}-\u{1f6d2}\u{1f6d5}-\u{1f6d7}\u{1f6dc}-\u{1f6df}\u{1f6eb}\u{1f6ec}\u{1f6f4}-\u{1f6fc}\u{1f7e0}-\u{1f7eb}\u{1f7f0}\u{1f90c}-\u{1f93a}\u{1f93c}-\u{1f945}\u{1f947}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mn}|\p{Me}|\u200d|\ufe0e|\ufe0f/u;

const NARROW = 0;
const BROAD = 1;
const NOTHING = 2;
/** Shown as something else. */
const HIDES = 3;

/** Kinds of the characters of a plane-0 row (256 of them), made when one of them comes. */
const rows: (Uint8Array | undefined)[] = [];

function kindOf(code: number): number {
  const row = rows[code >>> 8] ?? makeRow(code >>> 8);
  return row[code & 255]!;
}

function makeRow(row: number): Uint8Array {
  const kinds = Uint8Array.from({ length: 256 }, (_, n) => judge((row << 8) | n));
  rows[row] = kinds;
  return kinds;
}

function judge(code: number): number {
  // Tabs and line breaks are not a trick, and half a pair counts as a pair.
  if (code === 9 || code === 10 || code === 13 || (code >= 0xd800 && code < 0xe000)) return NARROW;
  const character = String.fromCodePoint(code);
  if (code !== ZWJ && hidesSomething(character)) return HIDES;
  if (COMBINING.test(character)) return NOTHING;
  return WIDE.test(character) ? BROAD : NARROW;
}

const ZWJ = 0x200d;

/** Columns of one character. */
export function charWidth(code: number): number {
  const kind = code < 0x300 ? NARROW : kindOf(code);
  return kind === BROAD ? 2 : kind === NOTHING ? 0 : 1;
}

/** Whether text without C0 controls holds characters that are shown as something else. */
export function hides(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // Joiners are only harmless between pictures; a look at the whole text decides.
    if (code === ZWJ || kindOf(code) === HIDES) return true;
    if (code >= 0xd800 && code < 0xdc00 && kindOf(text.codePointAt(at)!) === HIDES) return true;
  }
  return false;
}

export const TAB = 8;

/** The column after `text` when it begins at `column`. */
export function advance(text: string, column: number): number {
  let at = column;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    at = code === 9 ? at + TAB - (at % TAB) : at + charWidth(code);
  }
  return at;
}

const utf8 = new TextDecoder();

/** Columns of UTF-8 text without controls, as it is shown. */
export function bytesWidth(bytes: Uint8Array): number {
  let width = 0;
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const code = length === 1 ? lead : codePoint(bytes, at, length);
    if (code < 0 || code === ZWJ || (code >= 0x80 && kindOf(code) === HIDES))
      return advance(visible(utf8.decode(bytes)), 0);
    width += charWidth(code);
    at += length;
  }
  return width;
}

/** The code point of a sequence; -1 when its bytes are no sequence. */
function codePoint(bytes: Uint8Array, at: number, length: number): number {
  if (length === 0) return -1;
  let code = bytes[at]! & (0xff >> (length + 1));
  for (let n = 1; n < length; n++) {
    const byte = bytes[at + n] ?? 0;
    if ((byte & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (byte & 0x3f);
  }
  return code <= 0x10ffff ? code : -1;
}
