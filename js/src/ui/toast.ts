// A short message over the widget, for a moment: "3 events copied".

const SHOWN_MS = 2000;

export function toast(root: HTMLElement, text: string): void {
  root.dataset.said = text;
  setTimeout(() => {
    if (root.dataset.said === text) delete root.dataset.said;
  }, SHOWN_MS);
}
