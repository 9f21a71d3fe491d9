// Terminal colours that can be read: an own palette per theme, and a least contrast for the rest.

import { colourOf, DIM, flagsOf, HIDDEN, INVERSE, RGB } from "./ansi.ts";

/** WCAG AA for text. */
const CONTRAST = 4.5;

// Text colours 0 … 15; each has at least 4.5:1 on the theme's background.
const LIGHT_TEXT = [
  0x24292f, 0xb3202c, 0x116b3a, 0x7d5200, 0x1550c0, 0x8a2ba0, 0x0b6678, 0x57606a, 0x656d76,
  0xc4262e, 0x12783f, 0x8a5a00, 0x1f63d8, 0x9c3fb5, 0x0c7489, 0x424a53,
];
const DARK_TEXT = [
  0x8b949e, 0xff7b72, 0x56d38a, 0xe3b341, 0x79b8ff, 0xd2a8ff, 0x4fd0e0, 0xc9d1d9, 0x969fa9,
  0xffa198, 0x7ee8a8, 0xf2cc60, 0xa5d6ff, 0xe2c5ff, 0x87e8f2, 0xf0f6fc,
];
const LIGHT_BACK = [
  0x24292f, 0xd1343f, 0x2a9d5c, 0xd9a514, 0x3273dc, 0xa14cc0, 0x1c96ab, 0xd0d7de, 0x6e7781,
  0xf0757c, 0x6fcf97, 0xf2c94c, 0x7fb1f7, 0xd09be6, 0x79d3e0, 0xf0f3f6,
];
const DARK_BACK = [
  0x30363d, 0xa8323a, 0x1f7a48, 0x8f6a0c, 0x2256a8, 0x75369a, 0x13707f, 0x8b949e, 0x57606a,
  0xcf4f57, 0x2f9e63, 0xb98a18, 0x3a78d6, 0x9a58c0, 0x2295a6, 0xe6edf3,
];

export interface Paint {
  /** CSS colours; "" where the row's own will do. */
  color: string;
  background: string;
}

/** The colours of one view: palette and base colours follow its theme. */
export class Paints {
  readonly #known = new Map<string, Paint>();

  constructor(
    readonly dark: boolean,
    /** The view's own text and background, rrggbb. */
    private readonly text: number,
    private readonly back: number,
  ) {}

  of(fgWord: number, bg: number): Paint {
    const key = `${fgWord},${bg}`;
    const known = this.#known.get(key);
    if (known) return known;
    const paint = this.#make(fgWord, bg);
    // Programs that print a picture in RGB must not fill the memory with paints.
    if (this.#known.size > 4096) this.#known.clear();
    this.#known.set(key, paint);
    return paint;
  }

  #make(fgWord: number, bg: number): Paint {
    const flags = flagsOf(fgWord);
    const fg = colourOf(fgWord);
    const inverse = (flags & INVERSE) !== 0;
    const ink = inverse ? (bg ? this.#backOf(bg) : this.back) : fg ? this.#textOf(fg) : this.text;
    const paper = inverse ? (fg ? this.#textOf(fg) : this.text) : bg ? this.#backOf(bg) : this.back;
    if (flags & HIDDEN) return { color: "transparent", background: bg ? css(paper) : "" };
    const plain = !inverse && !bg;
    if (plain && !fg && !(flags & DIM)) return { color: "", background: "" };
    const dimmed = flags & DIM ? mix(ink, paper, 0.4) : ink;
    const color = readable(dimmed, paper);
    return { color: css(color), background: plain ? "" : css(paper) };
  }

  #textOf(colour: number): number {
    if (colour >= RGB) return colour & 0xffffff;
    return colour <= 16 ? (this.dark ? DARK_TEXT : LIGHT_TEXT)[colour - 1]! : indexed(colour - 1);
  }

  #backOf(colour: number): number {
    if (colour >= RGB) return colour & 0xffffff;
    return colour <= 16 ? (this.dark ? DARK_BACK : LIGHT_BACK)[colour - 1]! : indexed(colour - 1);
  }
}

/** The RGB of palette entries 16 … 255: a cube of 6 × 6 × 6 and 24 greys. */
export function indexed(index: number): number {
  if (index >= 232) return (8 + (index - 232) * 10) * 0x010101;
  const level = (part: number) => (part === 0 ? 0 : 55 + part * 40);
  const at = index - 16;
  return (level(Math.floor(at / 36)) << 16) | (level(Math.floor(at / 6) % 6) << 8) | level(at % 6);
}

/** WCAG's ratio of two colours, 1 … 21. */
export function contrast(a: number, b: number): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The colour, moved towards white or black until it can be read on `paper`. */
export function readable(ink: number, paper: number): number {
  if (contrast(ink, paper) >= CONTRAST) return ink;
  const goal = contrast(0xffffff, paper) >= contrast(0, paper) ? 0xffffff : 0;
  for (let share = 0.1; share < 1; share += 0.1) {
    const moved = mix(ink, goal, share);
    if (contrast(moved, paper) >= CONTRAST) return moved;
  }
  return goal;
}

function mix(from: number, to: number, share: number): number {
  const part = (shift: number) => {
    const [a, b] = [(from >> shift) & 255, (to >> shift) & 255];
    return Math.round(a + (b - a) * share) << shift;
  };
  return part(16) | part(8) | part(0);
}

function luminance(colour: number): number {
  const linear = (value: number) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return (
    0.2126 * linear((colour >> 16) & 255) +
    0.7152 * linear((colour >> 8) & 255) +
    0.0722 * linear(colour & 255)
  );
}

function css(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}

/** The number of an opaque CSS colour like `rgb(1, 2, 3)`; `otherwise` for what cannot be read. */
export function parseColour(text: string, otherwise: number): number {
  const srgb = /^color\(srgb ([\d.]+) ([\d.]+) ([\d.]+)/.exec(text);
  const rgb = /^rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)/.exec(text);
  const parts = srgb
    ? srgb.slice(1, 4).map((part) => Math.round(Number(part) * 255))
    : rgb?.slice(1, 4).map(Number);
  if (!parts) return otherwise;
  return (parts[0]! << 16) | (parts[1]! << 8) | parts[2]!;
}
