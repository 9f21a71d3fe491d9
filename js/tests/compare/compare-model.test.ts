import { describe, expect, test } from "vitest";
import { countsOf, itemsOf, type StepPair } from "../../src/compare/compare-model.ts";
import { sideRows } from "../../src/compare/side-lines.ts";
import { diffLines } from "../../src/content/diff.ts";

const pair = (what: string): StepPair => ({
  what,
  step: "tool call",
  name: "Bash",
  differs: [],
  a: null,
  b: null,
});

describe("the items of a comparison", () => {
  test("join neighbours that are the same and number the differences", () => {
    const pairs = ["same", "same", "moved", "only in a", "same"].map(pair);
    const shape = itemsOf(pairs).map((item) => ("same" in item ? item.same.length : [item.at]));

    expect(shape).toEqual([2, [0], [1], 1]);
    expect(countsOf(pairs)[0]).toEqual(["same", 3]);
  });

  test("are none where there are no pairs", () => {
    expect(itemsOf([])).toEqual([]);
  });
});

describe("texts side by side", () => {
  const rows = (a: string | null, b: string) => sideRows(diffLines(a, b));

  test("have a changed line in one row, with the part that changed", () => {
    expect(rows('{\n  "n": 1,\n  "path": "a.py"\n}', '{\n  "n": 1,\n  "path": "b.py"\n}')).toEqual([
      { kind: "same", text: "{" },
      { kind: "same", text: '  "n": 1,' },
      {
        kind: "changed",
        a: { text: '  "path": "a.py"', from: 11, to: 12 },
        b: { text: '  "path": "b.py"', from: 11, to: 12 },
      },
      { kind: "same", text: "}" },
    ]);
  });

  test("have an empty place where a run lacks the line", () => {
    expect(rows("x\ny", "x")).toEqual([
      { kind: "same", text: "x" },
      { kind: "changed", a: { text: "y", from: 0, to: 0 }, b: null },
    ]);
    expect(rows(null, "new")).toEqual([
      { kind: "changed", a: null, b: { text: "new", from: 0, to: 0 } },
    ]);
  });

  test("mark nothing in lines that share nothing, and no half of a pair", () => {
    expect(rows("abc", "xyz")[0]).toMatchObject({ a: { from: 0, to: 0 } });
    const [row] = rows("x\u{1f600}y", "x\u{1f601}y");
    expect(row).toMatchObject({ a: { from: 1, to: 3 }, b: { from: 1, to: 3 } });
  });

  test("leave out what is far from every change", () => {
    const many = Array.from({ length: 50 }, (_, n) => `line ${n}`);
    const found = rows([...many, "a"].join("\n"), [...many, "b"].join("\n"));

    expect(found[0]).toEqual({ kind: "skipped", text: "47 unchanged lines" });
    expect(found).toHaveLength(5);
  });
});
