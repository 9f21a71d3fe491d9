// Icons as inline SVG from a fixed table: a character may be missing from the machine's fonts.

const SVG = "http://www.w3.org/2000/svg";

/** Areas in a square of 16 by 16. */
const AREAS = {
  dot: "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
  square: "M4 4h8v8H4z",
  diamond: "M8 2.5L13.5 8L8 13.5L2.5 8z",
  triangle: "M8 3L14 13H2z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  play: "M4.5 2.5L13 8L4.5 13.5z",
  more: "M3.2 6.6a1.4 1.4 0 1 0 0 2.8a1.4 1.4 0 1 0 0-2.8zM8 6.6a1.4 1.4 0 1 0 0 2.8a1.4 1.4 0 1 0 0-2.8zM12.8 6.6a1.4 1.4 0 1 0 0 2.8a1.4 1.4 0 1 0 0-2.8z",
  newest: "M2.5 5h11L8 12z",
} as const;

/** Lines in the same square. */
const LINES = {
  ring: "M8 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
  arc: "M8 3.5a4.5 4.5 0 1 0 4.5 4.5",
  half: "M8 3.5a4.5 4.5 0 1 0 0 9z M8 3.5a4.5 4.5 0 0 1 0 9",
  check: "M3 8.5L6.5 12L13 4.5",
  cross: "M4 4L12 12M12 4L4 12",
  follow: "M8 2v8M4.5 6.5L8 10L11.5 6.5M3 13.5h10",
  wrap: "M2 4h12M2 8h9a2.5 2.5 0 0 1 0 5H7M9 11L7 13L9 15M2 12h2",
  clock: "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zM8 4.5V8L10.5 9.5",
  down: "M4 6L8 10L12 6",
  right: "M6 4L10 8L6 12",
  left: "M10 4L6 8L10 12",
  next: "M4 3L10 8L4 13M12.5 3v10",
  previous: "M12 3L6 8L12 13M3.5 3v10",
  sort: "M5 3v10M2.5 5.5L5 3L7.5 5.5M11 3v10M8.5 10.5L11 13L13.5 10.5",
  filter: "M2 3h12L9.5 8.5V13L6.5 11.5V8.5z",
  copy: "M5.5 5.5V2.5h8v8h-3M2.5 5.5h8v8h-8z",
  prompt: "M3 3.5L8 8L3 12.5M9 13h4",
  opens: "M3 6h7v8",
  closes: "M3 10h7V2",
  inside: "M10 1v14",
  tag: "M2.5 2.5h5.5L13.5 8L8 13.5L2.5 8zM5.5 5.5v.01",
  clip: "M11.5 5L6 10.5a1.4 1.4 0 0 0 2 2L13 7.5a2.8 2.8 0 0 0-4-4L3.8 8.7a4.2 4.2 0 0 0 6 6",
} as const;

export type IconName = keyof typeof AREAS | keyof typeof LINES;

/** An icon without a name of its own: what stands with it, or around it, says what it is. */
export function icon(name: IconName | "", className = ""): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${className}`.trim());
  svg.append(document.createElementNS(SVG, "path"));
  setIcon(svg, name);
  return svg;
}

/** Show another icon, or none; written only when it is another. */
export function setIcon(svg: SVGSVGElement, name: IconName | ""): void {
  if (svg.dataset.icon === name) return;
  svg.dataset.icon = name;
  const path = svg.firstElementChild!;
  const { [name]: line }: Record<string, string> = LINES;
  const { [name]: area }: Record<string, string> = AREAS;
  const fill = line === undefined;
  path.setAttribute("d", line ?? area ?? "");
  path.setAttribute("fill", fill ? "currentColor" : "none");
  path.setAttribute("stroke", fill ? "none" : "currentColor");
}
