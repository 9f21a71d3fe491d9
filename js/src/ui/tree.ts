// A JSON value as a tree: children are made when a branch is opened, long strings are cut.

import { ExactNumber, type Json } from "../base/json.ts";
import { preview } from "../base/preview.ts";
import { visible } from "../base/visible.ts";
import { h } from "./dom.ts";
import { type IconName, icon } from "./icons.ts";

const CUT = 2000;
const PAGE = 200;
const OPEN_DEPTH = 2;
const OPEN_CHILDREN = 24;

export interface TreeActions {
  /** "Filter by this value"; the path is as the filter language writes it. */
  filter?(path: string, value: string): void;
  copy(text: string): void;
}

/** Build the tree of a value; the root is open. */
export function jsonTree(value: Json, actions: TreeActions): HTMLElement {
  const root = h("div", { class: "tree" });
  const branch = asBranch(value);
  if (branch) addChildren(root, branch, "", 0, actions);
  else root.append(leaf("", value, "", actions));
  return root;
}

type Branch = readonly (readonly [string, Json])[];

function asBranch(value: Json): Branch | null {
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return null;
  return Array.isArray(value)
    ? value.map((item, i) => [String(i), item] as const)
    : Object.entries(value);
}

function addChildren(
  into: HTMLElement,
  branch: Branch,
  path: string,
  depth: number,
  actions: TreeActions,
): void {
  let shown = 0;
  const more = h("button", { class: "more" });
  const page = () => {
    more.remove();
    for (const [key, item] of branch.slice(shown, shown + PAGE)) {
      into.append(node(key, item, path ? `${path}.${key}` : key, depth, actions));
    }
    shown += PAGE;
    if (shown >= branch.length) return;
    more.textContent = `show ${Math.min(PAGE, branch.length - shown)} of ${branch.length - shown} more`;
    into.append(more);
  };
  more.addEventListener("click", page);
  page();
}

function node(
  key: string,
  value: Json,
  path: string,
  depth: number,
  actions: TreeActions,
): HTMLElement {
  const branch = asBranch(value);
  if (!branch || branch.length === 0) return leaf(key, value, path, actions);
  const children = h("div", { class: "children" });
  const button = h(
    "button",
    { class: "branch", "aria-expanded": "false" },
    icon("right"),
    h("span", { class: "key", text: visible(key) }),
    h("span", { class: "hint", text: visible(hint(value, branch)) }),
  );
  const toggle = () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    if (open && children.childElementCount === 0)
      addChildren(children, branch, path, depth + 1, actions);
    children.hidden = !open;
  };
  children.hidden = true;
  button.addEventListener("click", toggle);
  if (depth < OPEN_DEPTH && branch.length <= OPEN_CHILDREN) toggle();
  return h("div", { class: "node" }, button, children);
}

function hint(value: Json, branch: Branch): string {
  const size = Array.isArray(value) ? `[${branch.length}]` : `{${branch.length}}`;
  return `${size} ${preview(value, 60)}`;
}

function leaf(key: string, value: Json, path: string, actions: TreeActions): HTMLElement {
  const row = h("div", { class: "leaf" });
  if (key) row.append(h("span", { class: "key", text: visible(key) }));
  row.append(valueElement(value));
  const plain = plainText(value);
  const buttons = h("span", { class: "acts" });
  const { filter } = actions;
  if (filter && path && plain.length <= 200) {
    buttons.append(act("filter", `filter by ${path} = ${plain}`, () => filter(path, plain)));
  }
  buttons.append(act("copy", "copy the value", () => actions.copy(plain)));
  row.append(buttons);
  return row;
}

function act(name: IconName, title: string, run: () => void): HTMLElement {
  const button = h("button", { class: "act", title, "aria-label": title }, icon(name));
  button.addEventListener("click", run);
  return button;
}

function valueElement(value: Json): HTMLElement {
  if (typeof value === "string") return stringElement(value);
  const kind = value === null ? "null" : typeof value === "boolean" ? "boolean" : "number";
  const empty = typeof value === "object" && value !== null && !(value instanceof ExactNumber);
  const text = empty ? (Array.isArray(value) ? "[]" : "{}") : plainText(value);
  return h("span", { class: empty ? "null" : kind, text });
}

function stringElement(value: string): HTMLElement {
  const element = h("span", { class: "string", dir: "auto" });
  if (value.length <= CUT) {
    element.textContent = visible(value);
    return element;
  }
  const all = h("button", {
    class: "more",
    text: `show all ${value.length} characters`,
  });
  all.addEventListener("click", () => {
    element.textContent = visible(value);
  });
  element.append(visible(value.slice(0, CUT)), "… ", all);
  return element;
}

function plainText(value: Json): string {
  if (value instanceof ExactNumber) return value.digits;
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
