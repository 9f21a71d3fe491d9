import Anser from "anser";
import { describe, expect, test } from "vitest";
import {
  BOLD,
  colourOf,
  DIM,
  flagsOf,
  HIDDEN,
  INVERSE,
  ITALIC,
  linkTarget,
  MAX_SPANS,
  parseLine,
  RGB,
  type Span,
  STRIKE,
  sgr,
  UNDERLINE,
} from "../../src/log/ansi.ts";
import { MAX_SEQUENCE, type Parameters, Tokenizer, type TokenSink } from "../../src/log/tokens.ts";
import { CORPUS, withC1 } from "./corpus.ts";

const utf8 = new TextEncoder();
const parse = (text: string) => parseLine(utf8.encode(text));

/** Everything a tokenizer says, with text runs joined. */
class Transcript implements TokenSink {
  readonly calls: string[] = [];
  #text = "";
  constructor(private readonly bytes: Uint8Array) {}
  print(from: number, to: number): void {
    this.#text += Buffer.from(this.bytes.subarray(from, to)).toString("latin1");
  }
  control(code: number): void {
    this.#say(`control ${code}`);
  }
  begin(): void {}
  uncommon(): void {}
  csi(final: number, list: Parameters, prefix: number, intermediate: number): void {
    const numbers = Array.from(list.values.subarray(0, list.count));
    const joined = Array.from(list.joined.subarray(0, list.count));
    this.#say(`csi ${final} ${numbers} ${joined} ${prefix} ${intermediate}`);
  }
  escape(final: number): void {
    this.#say(`esc ${final}`);
  }
  osc(text: string): void {
    this.#say(`osc ${text}`);
  }
  finish(): string[] {
    this.#say("end");
    return this.calls;
  }
  #say(call: string): void {
    if (this.#text) this.calls.push(`text ${this.#text}`);
    this.#text = "";
    this.calls.push(call);
  }
}

function transcript(bytes: Uint8Array, cuts: number[]): string[] {
  const sink = new Transcript(bytes);
  const tokens = new Tokenizer();
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    tokens.feed(bytes.subarray(from, cut), 0, cut - from, sink, from);
    from = cut;
  }
  return sink.finish();
}

/** Positions at which no UTF-8 character is cut. */
function boundaries(bytes: Uint8Array): number[] {
  return Array.from(bytes.keys()).filter((at) => (bytes[at]! & 0xc0) !== 0x80);
}

describe("the tokenizer", () => {
  test("the corpus has at least 200 sequences", () => {
    expect(new Set(CORPUS).size).toBeGreaterThanOrEqual(200);
  });

  test("says the same wherever the bytes are cut", () => {
    for (const sequence of CORPUS.flatMap((one) => [one, withC1(one)])) {
      const bytes = utf8.encode(`before${sequence}after\nnext`);
      const whole = transcript(bytes, []);
      for (const cut of boundaries(bytes)) {
        const said = transcript(bytes, [cut]);

        expect(said, JSON.stringify(sequence)).toEqual(whole);
      }

      expect(transcript(bytes, boundaries(bytes)), JSON.stringify(sequence)).toEqual(whole);
    }
  });

  test("reads the C1 form of a sequence like the 7-bit form", () => {
    for (const sequence of CORPUS) {
      // An abandoned sequence may differ in what is left of it.
      if (!/^\x1b[[\]PX^_].*(?:[\x07\\]|[@-~])$/.test(sequence) || /\x1b.*\x1b[^\\]/.test(sequence))
        continue;
      const short = transcript(utf8.encode(`a${withC1(sequence)}b`), []);

      expect(short, JSON.stringify(sequence)).toEqual(transcript(utf8.encode(`a${sequence}b`), []));
    }
  });

  test("an unterminated string does not eat the rest of the log", () => {
    for (const opening of ["\x1b]0;", "\x1bP", "\x1b_", "\x9d", "\x1b[1;"]) {
      const long = parse(`${opening}${"3".repeat(MAX_SEQUENCE + 100)}tail`);

      expect(long.text.endsWith("tail"), JSON.stringify(opening)).toBe(true);
      expect(long.text.length).toBeLessThan(200);
    }
  });

  test("a line break ends an unterminated string", () => {
    const said = transcript(utf8.encode("\x1b]52;c;aGk\nvisible"), []);

    expect(said).toEqual(["control 10", "text visible", "end"]);
  });

  test("looks at each byte a few times at most, however the sequences are broken", () => {
    const reads = (text: string) => {
      let count = 0;
      const bytes = new Proxy(utf8.encode(text), {
        get(target, key) {
          count++;
          return Reflect.get(target, key, target);
        },
      });
      const ignore = () => {};
      const sink = { print: ignore, control: ignore, begin: ignore, uncommon: ignore, csi: ignore };
      const { length } = text;
      new Tokenizer().feed(bytes, 0, length, { ...sink, escape: ignore, osc: ignore });
      return count / length;
    };

    for (const unit of [
      "\x1b[",
      "\x1b]8;;",
      "\x1b[1;31m",
      "\x1bP",
      "\x1b[1",
      "\x1b[1;2;3;",
      "3",
      "\x1b",
    ])
      expect(reads(`\x1b]${unit.repeat(4000)}`), JSON.stringify(unit)).toBeLessThan(8);
  });
});

describe("what is shown of a sequence", () => {
  test("no control byte and no trace of a finished sequence", () => {
    for (const sequence of CORPUS.flatMap((one) => [one, withC1(one)])) {
      const { text } = parse(`<${sequence}>`);

      expect(text, JSON.stringify(sequence)).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
      expect(text.startsWith("<")).toBe(true);
    }
  });

  test("no link but to http and https", () => {
    const links = CORPUS.flatMap((one) => parse(`${one}x`).spans.map((span) => span.link));
    const schemes = new Set(links.filter(Boolean).map((link) => new URL(link).protocol));

    expect([...schemes].sort()).toEqual(["http:", "https:"]);
  });

  test("a link goes exactly where it says", () => {
    expect(linkTarget("8;;https://example.org/a?b=c;d")).toBe("https://example.org/a?b=c;d");
    expect(linkTarget("8;id=1;http://example.org")).toBe("http://example.org/");
    expect(linkTarget("8;;javascript:alert(1)")).toBe("");
    expect(linkTarget("8;; https://example.org")).toBe("");
    expect(linkTarget("0;https://example.org")).toBe("");
  });

  test("controls and characters that reorder text become marks", () => {
    expect(parse("a\x00b\x7fc").text).toBe("a␀b␡c");
    expect(parse("user\u202eexe.txt\u200b").text).toBe("user⟨U+202E⟩exe.txt⟨U+200B⟩");
    expect(parse("👩\u200d💻 ok\ufe0f").text).toBe("👩\u200d💻 ok\ufe0f");
  });

  test("a line has no more spans than it may, and all its text", () => {
    const { spans, text } = parse("\x1b[31ma\x1b[32mb".repeat(MAX_SPANS));

    expect(spans).toHaveLength(MAX_SPANS);
    expect(text).toBe("ab".repeat(MAX_SPANS));
  });
});

describe("styles", () => {
  const ANSWER: Record<string, number> = {
    bold: BOLD,
    dim: DIM,
    italic: ITALIC,
    underline: UNDERLINE,
    reverse: INVERSE,
    strikethrough: STRIKE,
    hidden: HIDDEN,
  };

  /** A style in the reference parser's words. */
  function named(span: Span): string {
    const flags = flagsOf(span.fg);
    const decorations = Object.keys(ANSWER).filter((name) => flags & ANSWER[name]!);
    return `${span.text}|${colour(colourOf(span.fg))}|${colour(span.bg)}|${decorations.sort()}`;
  }

  function colour(value: number): string {
    if (value === 0) return "";
    if (value >= RGB) return `${(value >> 16) & 255}, ${(value >> 8) & 255}, ${value & 255}`;
    return `ansi-palette-${value - 1}`;
  }

  function fromAnser(text: string): string[] {
    const pieces = Anser.ansiToJson(text, { use_classes: true, remove_empty: true });
    return pieces.map((piece) => {
      const decorations = [...new Set<string>(piece.decorations)].sort();
      const paint = (name: string | null, rgb: string | null) =>
        name?.includes("truecolor") ? (rgb ?? "") : numbered(name ?? "");
      const fg = paint(piece.fg, piece.fg_truecolor);
      const bg = paint(piece.bg, piece.bg_truecolor);
      return `${piece.content}|${fg}|${bg}|${decorations}`;
    });
  }

  const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
  function numbered(name: string): string {
    const plain = NAMES.indexOf(name.replace("ansi-", ""));
    if (plain >= 0) return `ansi-palette-${plain}`;
    const bright = NAMES.indexOf(name.replace("ansi-bright-", ""));
    return bright >= 0 ? `ansi-palette-${bright + 8}` : name;
  }

  test("agree with the reference parser on generated text", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * below);
    };
    const codes = () => {
      const kinds = [
        () => String([0, 1, 2, 3, 4, 8, 9, 23, 24, 28, 29, 39, 49][random(13)]),
        () => String(30 + random(8)),
        () => String(40 + random(8)),
        () => String(90 + random(8)),
        () => String(100 + random(8)),
        () => `38;5;${16 + random(240)}`,
        () => `48;5;${16 + random(240)}`,
        () => `38;2;${random(256)};${random(256)};${random(256)}`,
        () => `48;2;${random(256)};${random(256)};${random(256)}`,
      ];
      return Array.from({ length: 1 + random(3) }, () => kinds[random(kinds.length)]!()).join(";");
    };
    for (let n = 0; n < 2000; n++) {
      const text = Array.from({ length: 1 + random(6) }, (_, k) => `\x1b[${codes()}mt${k}`).join(
        "",
      );
      const ours = merged(parse(text).spans.map(named));

      expect(ours, JSON.stringify(text)).toEqual(merged(fromAnser(text)));
    }
  });

  /** Neighbours in the same style as one. */
  function merged(pieces: string[]): string[] {
    const joined: string[] = [];
    for (const piece of pieces) {
      const last = joined.at(-1);
      const [text, style] = [piece.slice(0, piece.indexOf("|")), piece.slice(piece.indexOf("|"))];
      if (last?.endsWith(style) && last.slice(last.indexOf("|")) === style)
        joined[joined.length - 1] = last.slice(0, last.indexOf("|")) + text + style;
      else joined.push(piece);
    }
    return joined;
  }

  test.each([
    ["1;31", BOLD, 2, 0],
    ["38:5:9", 0, 10, 0],
    ["38:2:1:2:3", 0, RGB | 0x010203, 0],
    ["38:2::1:2:3", 0, RGB | 0x010203, 0],
    ["4:3", UNDERLINE, 0, 0],
    ["4;4:0", 0, 0, 0],
    ["21", UNDERLINE, 0, 0],
    ["1;2;22", 0, 0, 0],
    ["7;27;41", 0, 0, 2],
    ["58;5;3;31", 0, 2, 0],
    ["58;2;9;9;9;31", 0, 2, 0],
    ["38;5;256;32", 0, 3, 0],
    ["38;5", 0, 0, 0],
    ["97;107", 0, 16, 16],
    ["38;2;999;0;0", 0, RGB | 0xff0000, 0],
    ["?1", 0, 0, 0],
  ])("%s", (codes, flags, fg, bg) => {
    const span = parse(`\x1b[${codes}mx`).spans[0]!;

    expect([flagsOf(span.fg), colourOf(span.fg), span.bg]).toEqual([flags, fg, bg]);
  });

  test("a style written out is read back as it was", () => {
    for (const codes of ["1;3;38;5;200", "7;48;2;1;2;3", "31;44;9;8;2;4"]) {
      const { fg, bg } = parse(`\x1b[${codes}mx`).spans[0]!;

      expect(parse(`\x1b[35;46m${sgr(fg, bg)}x`).spans[0]).toMatchObject({ fg, bg });
    }
  });

  test("a line begins in the style the line before it ended in", () => {
    const { fg, bg } = parse("\x1b[1;32mx").spans[0]!;

    expect(parseLine(utf8.encode("y"), fg, bg).spans[0]).toMatchObject({ text: "y", fg, bg });
  });
});
