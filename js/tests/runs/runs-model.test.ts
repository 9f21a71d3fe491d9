import { expect, test } from "vitest";
import { type Runs, sorted } from "../../src/runs/runs-model.ts";

const rows: Runs["rows"] = [
  ["a", "run-10", 3],
  ["b", "run-9", null],
  ["c", "run-10", 7],
  ["d", null, 3],
];
const ids = (column: number, down: boolean) => sorted(rows, { column, down }).map(([id]) => id);

test("runs are sorted by a column, what is unknown last, equal ones as they came", () => {
  expect(ids(1, false)).toEqual(["a", "d", "c", "b"]);
  expect(ids(1, true)).toEqual(["c", "a", "d", "b"]);
  expect(ids(0, false)).toEqual(["b", "a", "c", "d"]);
  expect(rows.map(([id]) => id)).toEqual(["a", "b", "c", "d"]);
});
