// The difference of two texts, line by line.

export interface DiffLine {
  /** "…": lines that both have, not shown; `text` says how many. */
  sign: "+" | "-" | " " | "…";
  text: string;
}

const AROUND = 3;
/** Above this many steps of comparison the whole middle is shown as replaced. */
const MOST_STEPS = 4_000_000;

/** What to show of a change: changed lines with some unchanged ones around them. */
export function diffLines(before: string | null, after: string): DiffLine[] {
  const old = before === null ? [] : linesOf(before);
  const now = linesOf(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail++;
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ sign: " ", text }));
  return shorten([
    ...same(now.slice(0, head)),
    ...middle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...same(now.slice(now.length - tail)),
  ]);
}

/** How many lines came and went. */
export function diffCounts(lines: readonly DiffLine[]): { added: number; removed: number } {
  const of = (sign: string) => lines.filter((line) => line.sign === sign).length;
  return { added: of("+"), removed: of("-") };
}

/** The lines of unified hunks. */
export function patchLines(patch: string): DiffLine[] {
  return linesOf(patch).flatMap((line): DiffLine[] => {
    if (/^(---|\+\+\+) /.test(line) || line.startsWith("\\")) return [];
    if (line.startsWith("@@")) return [{ sign: "…", text: line }];
    const sign = line[0] === "+" || line[0] === "-" ? line[0] : " ";
    return [{ sign, text: line.slice(1) }];
  });
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Longest common subsequence, by the table of its lengths. */
function middle(old: string[], now: string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ sign: "-", text });
  const added = (text: string): DiffLine => ({ sign: "+", text });
  if (old.length * now.length > MOST_STEPS) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push({ sign: " ", text: now[j++]! });
      i++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
      lines.push(removed(old[i++]!));
    else lines.push(added(now[j++]!));
  }
  return [...lines, ...old.slice(i).map(removed), ...now.slice(j).map(added)];
}

/** Leave out what is far from every change. */
function shorten(lines: DiffLine[]): DiffLine[] {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ sign }, at) => {
    if (sign !== " ") near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const shown: DiffLine[] = [];
  for (let at = 0; at < lines.length; ) {
    if (near[at]) {
      shown.push(lines[at++]!);
      continue;
    }
    const from = at;
    while (at < lines.length && !near[at]) at++;
    shown.push({ sign: "…", text: `${at - from} unchanged line${at - from === 1 ? "" : "s"}` });
  }
  return shown;
}
