// The keyboard. Keys of the list never reach the notebook; boxes and buttons keep theirs.

import { on } from "../ui/dom.ts";
import type { Details } from "./details.ts";
import type { Look } from "./look.ts";
import type { Pointing } from "./pointing.ts";
import type { Showing } from "./showing.ts";
import type { TimeBar } from "./time-bar.ts";
import type { Toolbar } from "./viewer-toolbar.ts";

/** What keys act on. */
export interface KeyTargets {
  root: HTMLElement;
  list: HTMLElement;
  look: Look;
  pointing: Pointing;
  showing: Showing;
  toolbar: Toolbar;
  timeBar: TimeBar;
  details: Details;
  signal: AbortSignal;
}

type Action = (view: KeyTargets, event: KeyboardEvent) => void;

const LIST = new Map<string, Action>([
  ["ArrowDown", (view, event) => view.pointing.move(1, event.shiftKey)],
  ["ArrowUp", (view, event) => view.pointing.move(-1, event.shiftKey)],
  ["PageDown", (view, event) => view.pointing.movePage(1, event.shiftKey)],
  ["PageUp", (view, event) => view.pointing.movePage(-1, event.shiftKey)],
  ["Home", (view) => view.pointing.toStart()],
  ["End", (view) => view.pointing.toEnd()],
  ["Enter", (view) => view.pointing.open()],
  ["Escape", (view) => leave(view)],
  ["ArrowRight", (view) => view.pointing.foldActive(false)],
  ["ArrowLeft", (view) => view.pointing.foldActive(true)],
  [" ", (view) => (view.showing.atMoment ? view.timeBar : view.showing).togglePause()],
  ["/", (view) => view.toolbar.focusSearch()],
  ["f", (view) => view.toolbar.focusFilter()],
  ["n", (view) => view.toolbar.findNext(1)],
  ["N", (view) => view.toolbar.findNext(-1)],
  ["p", (view) => view.pointing.goToPartner()],
  ["t", (view) => view.look.cycleTimes()],
]);

/** With Ctrl or Cmd, wherever the focus is inside the widget but in a box. */
const LIST_CONTROL = new Map<string, Action>([
  ["a", (view) => view.pointing.selectAll()],
  ["c", (view) => view.pointing.copy()],
]);

function leave({ details, pointing }: KeyTargets): void {
  if (details.open) details.close();
  else pointing.clear();
}

export function listenKeys(view: KeyTargets): void {
  on(
    view.root,
    "keydown",
    (event) => {
      // The host listens above; what happens in here is not its business.
      event.stopPropagation();
      const control = event.ctrlKey || event.metaKey;
      if (control && event.key.toLowerCase() === "f") {
        event.preventDefault();
        view.toolbar.focusSearch();
      } else if (event.key === "Escape" && view.details.element.contains(event.target as Node)) {
        view.details.close();
      }
    },
    view.signal,
  );
  on(
    view.list,
    "keydown",
    (event) => {
      const action =
        event.ctrlKey || event.metaKey
          ? LIST_CONTROL.get(event.key.toLowerCase())
          : LIST.get(event.key);
      if (!action || event.altKey || event.target !== view.list) return;
      event.preventDefault();
      action(view, event);
    },
    view.signal,
  );
}
