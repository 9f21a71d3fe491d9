import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const everything = readdirSync(root, { recursive: true, encoding: "utf8" });
const files = everything.filter((name) => name.endsWith(".ts"));
const read = (name: string) =>
  readFileSync(join(root, name), "utf8").replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, "");

// A notebook output has the origin of the Jupyter server: markup made from an event
// would run with the user's rights.
const FORBIDDEN = [
  /\binnerHTML\b/,
  /\bouterHTML\b/,
  /\binsertAdjacentHTML\b/,
  /\bdocument\s*\.\s*write/,
  /\bcreateContextualFragment\b/,
  /\bDOMParser\b/,
  /\bsetHTML(?:Unsafe)?\b/,
  /\bsrcdoc\b/,
  /\beval\s*\(/,
  /\bnew\s+Function\b/,
  /\bsetAttribute\(\s*["'`]on/,
  /\bcustomElements\b/,
  /\bfetch\s*\(/,
  /\bXMLHttpRequest\b/,
  /\bWebSocket\b/,
  /\bnew\s+Worker\b/,
];

// Latin-1 and the punctuation that every font has. What is in visible.ts stands for what was in
// data; everything else is an icon, see ui/icons.ts.
const PLAIN = /^[\u0000-\u00ff–—…’“”−]*$/;
const STYLED = everything.filter(
  (name) => /\.(ts|css)$/.test(name) && !name.startsWith("chat") && !name.endsWith("visible.ts"),
);

test.each(STYLED)("%s shows nothing that needs a special font", (name) => {
  expect(
    read(name)
      .split("\n")
      .filter((line) => !PLAIN.test(line)),
  ).toEqual([]);
});

describe("sources", () => {
  test.each(files)("%s makes no markup from text and talks to nobody", (name) => {
    const code = read(name);

    expect(FORBIDDEN.filter((pattern) => pattern.test(code)).map(String)).toEqual([]);
  });
});
