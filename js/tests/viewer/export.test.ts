import { describe, expect, test } from "vitest";
import { csvCell, csvLine, jsonLine } from "../../src/viewer/export.ts";
import { event, storeOf } from "../events/make.ts";

describe("export", () => {
  test.each([
    ["=1+1", "'=1+1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["-2+3", "'-2+3"],
    ["-12.5", "-12.5"],
    [" =x", "' =x"],
    ['say "hi", now', '"say ""hi"", now"'],
    ["two\nlines", '"two\nlines"'],
    ["plain", "plain"],
  ])("the cell %j is written as %j", (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });

  test("a payload that is JSON is exported as JSON, digits kept; another one as text", () => {
    const store = storeOf([
      event(1, { payload: '{"id":9007199254740993}' }),
      event(2, { payload: "plain" }),
    ]);

    expect(jsonLine(store.get(1)!)).toContain('"payload":{"id":9007199254740993}');
    expect(JSON.parse(jsonLine(store.get(2)!)).payload).toBe("plain");
    expect(csvLine(store.get(2)!)).toBe(
      "2,2023-11-14T22:13:20.020Z,USER_EVENT,notebook,note,plain",
    );
  });
});
