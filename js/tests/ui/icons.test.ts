import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCES = join(import.meta.dirname, "../../src");
/** Arrows, technical signs, shapes, dingbats, pictures: not in every font. */
const SIGNS =
  /[\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2900-\u2bff\u22ee\u22ef\u{1f000}-\u{1faff}]/u;
/** Shows characters that cannot be seen as what Unicode has for that: text, not icons. */
const TEXTS = new Set(["visible.ts"]);

test("no icon is a character of a font", () => {
  const found: string[] = [];
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: "utf8" })) {
    const name = file.split(/[\\/]/).at(-1)!;
    if (!/\.(ts|css)$/.test(name) || TEXTS.has(name)) continue;
    const text = readFileSync(join(SOURCES, file), "utf8");
    const code = text.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "");
    for (const line of code.split("\n"))
      if (SIGNS.test(line)) found.push(`${file}: ${line.trim()}`);
  }

  expect(found).toEqual([]);
});
