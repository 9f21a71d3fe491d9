// An agent's text keeps every character; its few forms are found, all else is text.

import { describe, expect, test } from "vitest";
import { diffCounts, diffLines } from "../../src/chat/diff.ts";
import { type Block, blocks, spans } from "../../src/chat/prose.ts";

const forms = (text: string) => blocks(text).map(({ kind, text: said }) => [kind, said]);

const SAMPLE = `# Result

I looked at **two** files:
- \`a.py\`, the first
  which goes on here
- b.py

\`\`\`python
def f():

    return "# no heading"
\`\`\`
| a | b |
|---|---|
1. one
Done.
`;

describe("blocks", () => {
  test("paragraphs, headings, items, code and tables", () => {
    expect(forms(SAMPLE)).toEqual([
      ["heading", "Result"],
      ["paragraph", "I looked at **two** files:"],
      ["item", "`a.py`, the first\n  which goes on here"],
      ["item", "b.py"],
      ["code", 'def f():\n\n    return "# no heading"'],
      ["table", "| a | b |\n|---|---|"],
      ["item", "one\nDone."],
    ]);
    expect(blocks(SAMPLE)[4]!.label).toBe("python");
  });

  test("code that is still being written is code already", () => {
    expect(forms("```\nls")).toEqual([["code", "ls"]]);
  });

  test("HTML, links and images stay the text they are", () => {
    const text = "<img src=x onerror=alert(1)> [here](javascript:alert(1)) ![](https://x.example)";

    expect(forms(text)).toEqual([["paragraph", text]]);
    expect(spans(text)).toEqual([{ text, style: "" }]);
  });

  test("growing text may be read on from the last block at any point", () => {
    let known: Block[] = [];
    for (let end = 1; end <= SAMPLE.length; end++) {
      const last = known.pop();
      known = [...known, ...blocks(SAMPLE.slice(0, end), last?.from ?? 0)];
      if (known.length === 0 && last) known = [last];
    }

    expect(known).toEqual(blocks(SAMPLE));
  });
});

test("code and strong words are found within a line, and lone marks are text", () => {
  expect(spans("run `a*b` **now**, 2 ** 3 `")).toEqual([
    { text: "run ", style: "" },
    { text: "a*b", style: "code" },
    { text: " ", style: "" },
    { text: "now", style: "strong" },
    { text: ", 2 ** 3 `", style: "" },
  ]);
});

describe("differences", () => {
  test("changed lines are marked, and those far from any change are counted", () => {
    const before = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const after = [...before];
    after[10] = "changed";
    const lines = diffLines(before.join("\n"), after.join("\n"));

    expect(lines.map(({ sign }) => sign).join("")).toBe("…   -+   …");
    expect(lines[0]!.text).toBe("7 unchanged lines");
    expect(diffCounts(lines)).toEqual({ added: 1, removed: 1 });
  });

  test("a new file is all added, an emptied one all removed", () => {
    expect(diffLines(null, "a\nb\n").map(({ sign }) => sign)).toEqual(["+", "+"]);
    expect(diffLines("a\nb\n", "").map(({ sign }) => sign)).toEqual(["-", "-"]);
  });

  test("what was removed and added is what the texts have", () => {
    const before = "a\nb\nc\nd\ne";
    const after = "b\nx\nd\ne\nf";
    const lines = diffLines(before, after);
    const side = (sign: string) =>
      lines.filter((line) => line.sign === " " || line.sign === sign).map(({ text }) => text);

    expect(side("-").join("\n")).toBe(before);
    expect(side("+").join("\n")).toBe(after);
    expect(diffCounts(lines)).toEqual({ added: 2, removed: 2 });
  });

  test("texts too large to compare are shown as replaced", () => {
    const many = (word: string) => Array.from({ length: 3000 }, (_, i) => `${word}${i}`).join("\n");

    expect(diffCounts(diffLines(many("a"), many("b")))).toEqual({ added: 3000, removed: 3000 });
  });
});
