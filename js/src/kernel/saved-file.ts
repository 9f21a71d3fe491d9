// A widget in an HTML file of its own: no kernel, no Jupyter; its state stands in the page.

import type { AnyModel } from "@anywidget/types";

interface Shown {
  initialize(props: { model: AnyModel; signal: AbortSignal }): void;
  render(props: { model: AnyModel; el: HTMLElement; signal: AbortSignal }): void;
}

/** Of the page, above and below the widget, px. */
const MARGIN = 18;

/** A model whose traits are what was saved; a view may change them; what it sends is dropped. */
export class SavedModel {
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(readonly traits: Record<string, unknown>) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  set(name: string, value: unknown): void {
    this.traits[name] = value;
    for (const changed of this.#listeners.get(`change:${name}`) ?? []) changed();
  }

  on(name: string, run: () => void): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(run));
  }

  off(name: string, run: () => void): void {
    this.#listeners.get(name)?.delete(run);
  }

  save_changes(): void {}
  send(): void {}
}

/** Show `widget` in the element `#widget`, with the state in `#traits` and `#snapshot`. */
export function mount(widget: () => unknown): void {
  const traits = JSON.parse(textOf("traits")) as Record<string, unknown>;
  const model = new SavedModel({ ...traits, _snapshot: bytesOf(textOf("snapshot")).buffer });
  model.traits.height = innerHeight - MARGIN;
  const props = { model: model as unknown as AnyModel, signal: new AbortController().signal };
  const shown = widget() as Shown;
  shown.initialize(props);
  shown.render({ ...props, el: document.getElementById("widget")! });
}

function textOf(id: string): string {
  return document.getElementById(id)!.textContent ?? "";
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
