// The keyboard. Keys of the list never reach the notebook; boxes and buttons keep theirs.

import { on } from "../ui/dom.ts";
import type { View } from "./event-view.ts";

type Action = (view: View, event: KeyboardEvent) => void;

const LIST = new Map<string, Action>([
  ["ArrowDown", (view, event) => view.pointing.move(1, event.shiftKey)],
  ["ArrowUp", (view, event) => view.pointing.move(-1, event.shiftKey)],
  ["PageDown", (view, event) => view.pointing.movePage(1, event.shiftKey)],
  ["PageUp", (view, event) => view.pointing.movePage(-1, event.shiftKey)],
  ["Home", (view) => view.pointing.toStart()],
  ["End", (view) => view.pointing.toEnd()],
  ["Enter", (view) => view.openDetails()],
  ["Escape", (view) => view.escape()],
  ["ArrowRight", (view) => view.pointing.foldActive(false)],
  ["ArrowLeft", (view) => view.pointing.foldActive(true)],
  [" ", (view) => view.showing.togglePause()],
  ["/", (view) => view.toolbar.focusSearch()],
  ["f", (view) => view.toolbar.focusFilter()],
  ["n", (view) => view.pointing.findNext(1)],
  ["N", (view) => view.pointing.findNext(-1)],
  ["p", (view) => view.pointing.goToPartner()],
  ["t", (view) => view.cycleTimes()],
]);

/** With Ctrl or Cmd, wherever the focus is inside the widget but in a box. */
const LIST_CONTROL = new Map<string, Action>([
  ["a", (view) => view.pointing.selectAll()],
  ["c", (view) => view.pointing.copy()],
]);

export function listenKeys(view: View): void {
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
        view.closeDetails();
      }
    },
    view.signal,
  );
  on(
    view.list.element,
    "keydown",
    (event) => {
      const action =
        event.ctrlKey || event.metaKey
          ? LIST_CONTROL.get(event.key.toLowerCase())
          : LIST.get(event.key);
      if (!action || event.altKey || event.target !== view.list.element) return;
      event.preventDefault();
      action(view, event);
    },
    view.signal,
  );
}
