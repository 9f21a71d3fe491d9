// Elements without innerHTML: text goes in as text, whatever it says.

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | undefined | ((event: never) => void)>;

const FOCUSABLE = new Set(["button", "input", "select", "textarea", "a", "summary"]);

/**
 * Create an element. Keys that start with `on` become listeners, `class` and `text` are what
 * they say, other keys are attributes (`true` is the empty attribute, `false` leaves it out).
 *
 * Whatever can have the focus keeps its keys: notebooks look for `data-lm-suppress-shortcuts` on
 * the focused element itself, not on its ancestors (see `shadow` for the other half).
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  // One that submits is asked for by name.
  if (tag === "button") element.setAttribute("type", "button");
  if (FOCUSABLE.has(tag) || "tabindex" in props) keepKeys(element);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value as EventListener);
    else if (key === "class") element.className = String(value);
    else if (key === "text") element.textContent = String(value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(
    ...children.filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export function keepKeys(element: HTMLElement): void {
  element.setAttribute("data-lm-suppress-shortcuts", "true");
}

/** Write text only when it changed: the browser lays out again even for the same text. */
export function setText(element: Element, text: string): void {
  if (element.firstElementChild || element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A listener that ends with its signal. */
export function on<K extends keyof HTMLElementEventMap>(
  target: EventTarget,
  type: K,
  listener: (event: HTMLElementEventMap[K]) => void,
  signal: AbortSignal,
  options: AddEventListenerOptions = {},
): void {
  target.addEventListener(type, listener as EventListener, { ...options, signal });
}

/** Put text on the clipboard; some hosts forbid the asynchronous way inside an output. */
export async function copyText(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "axon-hidden", "aria-hidden": "true", tabindex: -1 });
    area.value = text;
    near.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** Hand a file to the user; parts are joined by the browser, not in memory here. */
export function download(name: string, type: string, parts: BlobPart[], near: HTMLElement): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = h("a", { href: url, download: name, class: "axon-hidden", tabindex: -1 });
  near.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A shadow root with this style sheet in it: the host's rules for tables and buttons stay out. */
export function shadow(host: HTMLElement, css: string): { root: HTMLElement; remove(): void } {
  const holder = h("div");
  // Outside of the root, the holder is what keys are pressed in and what is focused.
  keepKeys(holder);
  host.append(holder);
  const style = document.createElement("style");
  style.textContent = css;
  const root = h("div", { class: "axon" });
  holder.attachShadow({ mode: "open" }).append(style, root);
  return { root, remove: () => holder.remove() };
}
