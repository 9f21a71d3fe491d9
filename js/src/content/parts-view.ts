// What tools return and prompts carry: text, pictures, files, differences, terminal output.
// Nothing is ever loaded: a picture is shown from the data in the event alone.

import { plural, size } from "../base/format.ts";
import type { Json } from "../base/json.ts";
import { visible, visibleLine } from "../base/visible.ts";
import type { Diff, Image, Part, Terminal } from "../trace/model.ts";
import { h } from "../ui/dom.ts";
import { jsonTree } from "../ui/tree.ts";
import { type DiffLine, diffCounts, diffLines, patchLines } from "./diff.ts";
import { terminalElement } from "./terminal-view.ts";

const CUT = 8000;
const DIFF_LINES = 400;
/** What a browser shows without running anything; SVG is a document with scripts and links. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
/** Characters of base64: 10 MB of picture. */
const PICTURE_CHARS = 13_400_000;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

export type Copy = (text: string) => void;

export function partElement(part: Part, copy: Copy): HTMLElement {
  switch (part.type) {
    case "text":
      return textElement(part.text);
    case "image":
      return imageElement(part);
    case "audio":
      return named("sound", part.mime, part.data);
    case "link":
      return file([part.title, part.uri, part.description], part.mime, part.size);
    case "resource": {
      const name = file([part.uri], part.mime, part.blob ? (part.blob.length * 3) / 4 : null);
      return part.text ? h("div", { class: "resource" }, name, textElement(part.text)) : name;
    }
    case "diff":
      return diffElement(part);
    case "terminal":
      return terminal(part);
    default:
      return jsonTree((part as { raw?: Json }).raw ?? null, { copy });
  }
}

/** A value as a tree; a text as it is. */
export function value(json: Json, copy: Copy): HTMLElement {
  return typeof json === "string" ? textElement(json) : jsonTree(json, { copy });
}

export function textElement(text: string): HTMLElement {
  if (/[\x1b\b]|\r(?!\n)/.test(text)) return terminalElement(text);
  const pre = h("pre", { class: "code", tabindex: 0, dir: "auto" });
  if (text.length <= CUT) {
    pre.textContent = visible(text);
    return pre;
  }
  const more = h("button", { class: "more", text: `show all ${plural(text.length, "character")}` });
  more.addEventListener("click", () => {
    pre.textContent = visible(text);
  });
  pre.append(visible(text.slice(0, CUT)), "… ", more);
  return pre;
}

/** The picture, or why it is not shown. */
export function imageElement({ mime = "", data = "", uri = "" }: Image): HTMLElement {
  if (data === "") return file(["picture", uri], mime, null);
  if (!PICTURES.has(mime.toLowerCase()) || !BASE64.test(data) || data.length > PICTURE_CHARS)
    return named("picture, not shown", mime, data);
  const alt = `picture, ${mime.slice(6).toUpperCase()}${uri ? `, ${visibleLine(uri)}` : ""}`;
  const image = h("img", { src: `data:${mime.toLowerCase()};base64,${data}`, alt, class: "pic" });
  image.addEventListener("error", () => image.replaceWith(named("damaged picture", mime, data)), {
    once: true,
  });
  const frame = h("button", { class: "picture", "aria-label": `${alt}: change the size` }, image);
  frame.addEventListener("click", () => frame.classList.toggle("large"));
  return frame;
}

function named(what: string, mime: string | undefined, data: string | undefined): HTMLElement {
  return file([what], mime, ((data ?? "").length * 3) / 4);
}

/** A file by name; its address is text, never a link: it may be any scheme. */
function file(
  names: readonly (string | undefined)[],
  mime: string | undefined,
  bytes: number | null | undefined,
): HTMLElement {
  const [name, ...more] = names.filter(Boolean);
  const facts = [...more, mime, bytes ? size(Math.round(bytes)) : ""].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "file", dir: "auto" },
    h("b", { text: visibleLine(name || "a file") }),
    facts && h("span", { text: visibleLine(facts) }),
  );
}

function terminal(part: Terminal): HTMLElement {
  const ending = [
    part.truncated ? "cut" : "",
    part.signal ? `ended by ${visibleLine(part.signal)}` : "",
    part.exit_code !== null && part.exit_code !== undefined ? `exit status ${part.exit_code}` : "",
  ].filter(Boolean);
  const state = ending.length > 0 && h("div", { class: "path", text: ending.join(" · ") });
  return h("div", { class: "terminal" }, terminalElement(part.text ?? ""), state);
}

/** The changed lines of a file, marked by sign and colour. */
export function diffElement(diff: Diff): HTMLElement {
  const lines = linesOf(diff);
  const body = h("pre", { class: "diff", tabindex: 0, dir: "ltr" });
  const show = (some: readonly DiffLine[]) => {
    body.append(...some.map(({ sign, text }) => lineElement(sign, text)));
  };
  show(lines.slice(0, DIFF_LINES));
  if (lines.length > DIFF_LINES) {
    const more = h("button", { class: "more", text: "show the other lines" });
    more.addEventListener("click", () => {
      more.remove();
      show(lines.slice(DIFF_LINES));
    });
    body.append(more);
  }
  const word = { add: "new file", delete: "deleted", move: "moved" }[diff.change ?? ""];
  const isNew = diff.old === null && !diff.patch ? "new file" : word;
  const name = diff.path || "a file";
  const path = diff.move_path ? `${name} (moved to ${diff.move_path})` : name;
  const note = isNew ? h("span", { class: "new-file", text: isNew }) : null;
  return h("div", { class: "change" }, h("div", { class: "path" }, visibleLine(path), note), body);
}

function linesOf(diff: Diff): DiffLine[] {
  return diff.patch ? patchLines(diff.patch) : diffLines(diff.old ?? null, diff.new ?? "");
}

export function changeCounts(parts: readonly Part[]): { added: number; removed: number } | null {
  const diffs = parts.filter((part): part is Diff => part.type === "diff");
  return diffs.length > 0 ? diffCounts(diffs.flatMap(linesOf)) : null;
}

function lineElement(sign: DiffLine["sign"], text: string): HTMLElement {
  const shown = text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
  const kind = { "+": "added", "-": "removed", " ": "same", "…": "skipped" }[sign];
  return h("span", { class: `line ${kind}` }, h("b", { text: sign }), `${visible(shown)}\n`);
}
