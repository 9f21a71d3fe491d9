// Synced traits: what both sides write and hear.

import type { AnyModel } from "@anywidget/types";

/** Set a trait and tell the kernel, if it is another value. */
export function assign<T extends object, K extends keyof T & string>(
  model: AnyModel<T>,
  name: K,
  value: T[K],
): void {
  if (JSON.stringify(model.get(name)) === JSON.stringify(value)) return;
  model.set(name, value);
  model.save_changes();
}

/** Call `changed` when the trait changes, until the signal ends. */
export function observe<T extends object>(
  model: AnyModel<T>,
  name: keyof T & string,
  changed: () => void,
  signal: AbortSignal,
): void {
  model.on(`change:${name}`, changed);
  signal.addEventListener("abort", () => model.off(`change:${name}`, changed), { once: true });
}
