// How the sources are arranged: folders are layers, names are unique, files and functions short.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|css)$/.test(name))
  .sort();
const sources = new Map(files.map((name) => [name, readFileSync(join(root, name), "utf8")]));
const modules = files.filter((name) => name.endsWith(".ts"));

/** From the bottom up; what stands in one line may not import from each other. */
const LAYERS = [
  ["base"],
  ["kernel"],
  ["ui"],
  ["events"],
  ["filter"],
  ["trace"],
  ["log"],
  ["content"],
  ["viewer", "chat", "compare", "runs"],
];
const level = (name: string) => LAYERS.findIndex((layer) => layer.includes(dirname(name)));

/** What a module imports, types too. */
function importsOf(name: string): string[] {
  const found = sources.get(name)!.matchAll(/(?:from|import) "(\.[^"]+)"/g);
  return [...found].map(([, path]) => normalize(join(dirname(name), path!)));
}

test("every file is in the folder of a layer", () => {
  expect(modules.filter((name) => level(name) < 0)).toEqual([]);
});

test("imports point down", () => {
  const upward = modules.flatMap((name) =>
    importsOf(name)
      .filter((path) => dirname(path) !== dirname(name) && level(path) >= level(name))
      .map((path) => `${name} imports ${path}`),
  );
  expect(upward).toEqual([]);
});

test("no two files have one name", () => {
  const names = modules.map((name) => basename(name)).filter((name) => name !== "index.ts");
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test("no file is longer than 450 lines", () => {
  const long = modules.filter((name) => sources.get(name)!.split("\n").length > 451);
  expect(long).toEqual([]);
});

test("no imports go round in a circle, those of types included", () => {
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (state.get(name) === "done") return;
    if (state.get(name) === "open") {
      circles.push([...path.slice(path.indexOf(name)), name].join(" → "));
      return;
    }
    state.set(name, "open");
    for (const next of importsOf(name)) if (sources.has(next)) visit(next, [...path, name]);
    state.set(name, "done");
  };
  for (const name of modules) visit(name, []);
  expect(circles).toEqual([]);
});

test("no function is longer than 50 lines", () => {
  // The formatter puts the end of a function below its start, at the same indentation.
  const head =
    /^( *)(?:export |async |static |get |set |function\*? |\*|#)*[\w$]*(?:<.*>)?\(?.*(?:\)|=>)(?:: .+)? \{$/;
  const long = modules.flatMap((name) => {
    const lines = sources.get(name)!.split("\n");
    return lines.flatMap((line, at) => {
      const indent = head.exec(line)?.[1];
      if (indent === undefined || /^ *(if|for|while|switch|\} ?else|else)\b/.test(line)) return [];
      const end = lines.findIndex((other, index) => index > at && other.startsWith(`${indent}}`));
      return end - at > 50 ? [`${name}:${at + 1} has ${end - at} lines`] : [];
    });
  });
  expect(long).toEqual([]);
});
