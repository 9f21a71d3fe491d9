// Two texts side by side: lines that belong together stand in one row.

import type { DiffLine } from "../content/diff.ts";

/** A line with the part of it that changed, from and to; an empty part marks nothing. */
export interface MarkedLine {
  text: string;
  from: number;
  to: number;
}

/** A row of the two columns; `null` where a run has no such line. */
export type SideRow =
  | { kind: "same"; text: string }
  | { kind: "skipped"; text: string }
  | { kind: "changed"; a: MarkedLine | null; b: MarkedLine | null };

/** Put runs of removed and added lines next to each other. */
export function sideRows(lines: readonly DiffLine[]): SideRow[] {
  const rows: SideRow[] = [];
  for (let at = 0; at < lines.length; ) {
    const { sign, text } = lines[at]!;
    if (sign === " " || sign === "…") {
      rows.push({ kind: sign === " " ? "same" : "skipped", text });
      at++;
      continue;
    }
    const from = at;
    while (at < lines.length && /[+-]/.test(lines[at]!.sign)) at++;
    rows.push(...changedRows(lines.slice(from, at)));
  }
  return rows;
}

function changedRows(lines: readonly DiffLine[]): SideRow[] {
  const removed = lines.filter(({ sign }) => sign === "-");
  const added = lines.filter(({ sign }) => sign === "+");
  return Array.from({ length: Math.max(removed.length, added.length) }, (_, at) => {
    const [a, b] = [removed[at]?.text, added[at]?.text];
    const [from, tail] = a !== undefined && b !== undefined ? shared(a, b) : [0, 0];
    const marked = (text: string | undefined): MarkedLine | null =>
      text === undefined
        ? null
        : { text, from, to: from === 0 && tail === 0 ? 0 : text.length - tail };
    return { kind: "changed", a: marked(a), b: marked(b) };
  });
}

/** How many characters two lines share at the start and at the end; never half a pair. */
function shared(a: string, b: string): [number, number] {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head++;
  if (head > 0 && /[\ud800-\udbff]/.test(a[head - 1]!)) head--;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  if (tail > 0 && /[\udc00-\udfff]/.test(a[a.length - tail]!)) tail--;
  return [head, tail];
}
