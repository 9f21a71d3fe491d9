// Light or dark: the widget's own setting, else the host's colour scheme, else what is behind it.

/** What the trait `theme` may say. */
export type Theme = "auto" | "light" | "dark";

/**
 * Set `data-theme` on the root. Jupyter and marimo give `color-scheme` on the page; VS Code and
 * Colab say it on body and html. A host that says nothing is judged by its background.
 */
export function applyTheme(root: HTMLElement, theme: Theme): void {
  const chosen = theme === "auto" ? hostTheme(root) : theme;
  if (chosen) root.dataset.theme = chosen;
  else delete root.dataset.theme;
}

/** Follow the host when it changes its theme. */
export function watchTheme(changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  const attributes = ["class", "style", "theme", "data-theme", "data-vscode-theme-kind"];
  const filter = { attributes: true, attributeFilter: [...attributes, "data-jp-theme-light"] };
  observer.observe(document.documentElement, filter);
  observer.observe(document.body, filter);
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}

function hostTheme(root: HTMLElement): "light" | "dark" | null {
  const { body, documentElement: html } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  const code = body.dataset.vscodeThemeKind;
  if (code) return code.includes("light") ? "light" : "dark";
  const named = html.getAttribute("theme") ?? body.dataset.theme ?? html.dataset.theme;
  if (named === "dark" || named === "light") return named;
  const around = hostOf(root).parentElement ?? root;
  const scheme = getComputedStyle(around).colorScheme;
  if (scheme === "dark" || scheme === "light") return scheme;
  return luminanceBehind(around);
}

function hostOf(root: HTMLElement): HTMLElement {
  const node = root.getRootNode();
  return node instanceof ShadowRoot ? (node.host as HTMLElement) : root;
}

function luminanceBehind(start: HTMLElement): "light" | "dark" | null {
  for (let element: HTMLElement | null = start; element; element = element.parentElement) {
    const parts = getComputedStyle(element)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number);
    if (!parts || parts.length < 3 || parts[3] === 0) continue;
    const [r = 0, g = 0, b = 0] = parts;
    return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128 ? "dark" : "light";
  }
  return null;
}
