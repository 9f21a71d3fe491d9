import { expect, test } from "vitest";
import { diffCounts, diffLines, patchLines } from "../../src/content/diff.ts";

const short = (lines: { sign: string; text: string }[]) => lines.map((l) => l.sign + l.text);

test("changed lines stand between unchanged ones", () => {
  const lines = diffLines("a\nb\nc\n", "a\nB\nc\nd\n");

  expect(short(lines)).toEqual([" a", "-b", "+B", " c", "+d"]);
  expect(diffCounts(lines)).toEqual({ added: 2, removed: 1 });
});

test("what is far from every change is left out", () => {
  const long = Array.from({ length: 20 }, (_, at) => `line ${at}`).join("\n");

  expect(short(diffLines(long, `${long}\nnew`))[0]).toBe("…17 unchanged lines");
});

test("a new file is all added", () => {
  expect(short(diffLines(null, "x\ny\n"))).toEqual(["+x", "+y"]);
});

test("unified hunks are lines with their signs", () => {
  const patch =
    "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n\\ No newline at end of file\n";

  expect(short(patchLines(patch))).toEqual(["…@@ -1,2 +1,2 @@", " same", "-old", "+new"]);
});
