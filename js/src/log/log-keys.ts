// Keys of a pane; what they do is the view's.

import { on } from "../ui/dom.ts";
import type { LogLook } from "./log-look.ts";
import type { Toolbar } from "./log-toolbar.ts";
import type { Pane } from "./pane.ts";

const COLUMNS = 8;

/** What keys act on. */
export interface KeyTargets {
  root: HTMLElement;
  /** The pane that has the focus, or the first. */
  readonly pane: Pane;
  look: LogLook;
  toolbar: Toolbar;
  toggleFollow(): void;
  signal: AbortSignal;
}

export function listenKeys(view: KeyTargets): void {
  on(
    view.root,
    "keydown",
    (event) => {
      if (event.defaultPrevented) return;
      if ((event.ctrlKey || event.metaKey) && event.key === "f") view.toolbar.focusSearch();
      else if (!(event.target as Element).closest(".pane")) return;
      else if (!act(view, event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    view.signal,
  );
}

/** Whether the key was one of ours. */
function act(view: KeyTargets, event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey) return withControl(view, event);
  if (event.altKey) return false;
  return scrolls(view, event) || switches(view, event);
}

function withControl(view: KeyTargets, { key }: KeyboardEvent): boolean {
  if (key === "a") view.pane.pointer.selectAll();
  else if (key === "Home") view.pane.toStart();
  else if (key === "End") view.pane.toEnd();
  else return false;
  return true;
}

function scrolls({ pane }: KeyTargets, { key, shiftKey }: KeyboardEvent): boolean {
  if (key === "ArrowDown") pane.scrollBy(1);
  else if (key === "ArrowUp") pane.scrollBy(-1);
  else if (key === "PageDown" || (key === " " && !shiftKey)) pane.scrollBy(pane.pageLines);
  else if (key === "PageUp" || (key === " " && shiftKey)) pane.scrollBy(-pane.pageLines);
  else if (key === "Home") pane.toStart();
  else if (key === "End") pane.toEnd();
  else if (key === "ArrowRight") pane.scrollColumns(COLUMNS);
  else if (key === "ArrowLeft") pane.scrollColumns(-COLUMNS);
  else return false;
  return true;
}

function switches(view: KeyTargets, { key }: KeyboardEvent): boolean {
  if (key === "/") view.toolbar.focusSearch();
  else if (key === "n") view.toolbar.findNext(1);
  else if (key === "N") view.toolbar.findNext(-1);
  else if (key === "f") view.toggleFollow();
  else if (key === "w") view.look.toggle("wrap");
  else if (key === "t") view.look.toggle("times");
  else if (key === "Escape" && !view.pane.pointer.selection.empty) {
    view.pane.pointer.selection.clear();
    view.pane.redraw();
  } else return false;
  return true;
}
