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
  ["ui"],
  ["kernel"],
  ["events"],
  ["filter"],
  ["trace"],
  ["viewer", "log", "chat"],
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
