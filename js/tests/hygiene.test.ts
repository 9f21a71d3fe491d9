import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

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

describe("sources", () => {
  test.each(files)("%s makes no markup from text and talks to nobody", (name) => {
    const code = readFileSync(join(root, name), "utf8").replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, "");

    expect(FORBIDDEN.filter((pattern) => pattern.test(code)).map(String)).toEqual([]);
  });
});
