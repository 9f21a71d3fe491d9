// Text of an agent in blocks: paragraphs, headings, list items, code. Text stays text: no HTML,
// no links, no images; what is not one of these few forms is shown as it was written.

export interface Block {
  kind: "paragraph" | "heading" | "item" | "code" | "table";
  text: string;
  /** code: the language; item: its bullet or number. */
  label: string;
  /** item: how deep it stands, from 0. */
  depth: number;
  /** Where it begins in the text. */
  from: number;
}

export interface Span {
  text: string;
  style: "" | "code" | "strong";
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,24})[^`]*$/;
const HEADING = /^#{1,6}\s+(.*?)\s*#*$/;
const ITEM = /^(\s*)([-*+•]|\d{1,4}[.)])\s+(.*)$/;
const TABLE = /^\s*\|/;

/**
 * Cut `text` from `from` on into blocks. While text streams in, every block but the last is
 * final: the next call may begin where the last one did.
 */
export function blocks(text: string, from = 0): Block[] {
  const found: Block[] = [];
  let open: Block | null = null;
  let fence = "";
  let at = from;
  while (at < text.length) {
    const end = endOfLine(text, at);
    const line = text.slice(at, end).replace(/[\r\n]+$/, "");
    if (open?.kind === "code") {
      if (closes(line, fence)) open = null;
      else open.text += (open.text === "" ? "" : "\n") + line;
    } else {
      const fenced = FENCE.exec(line);
      if (fenced) fence = fenced[1]!;
      const next: Block | null = fenced ? block("code", "", at, fenced[2]!) : textBlock(line, at);
      if (next && open && joins(open, next)) open.text += `\n${line}`;
      else {
        if (next) found.push(next);
        open = next?.kind === "heading" ? null : next;
      }
    }
    at = end;
  }
  return found;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

function closes(line: string, fence: string): boolean {
  const mark = line.trim();
  return mark.startsWith(fence) && mark.replaceAll(fence[0]!, "") === "";
}

function textBlock(line: string, from: number): Block | null {
  if (line.trim() === "") return null;
  if (TABLE.test(line)) return block("table", line, from);
  const heading = HEADING.exec(line);
  if (heading) return block("heading", heading[1]!, from);
  const item = ITEM.exec(line);
  if (!item) return block("paragraph", line, from);
  const depth = Math.min(4, Math.floor(item[1]!.length / 2));
  const label = /\d/.test(item[2]!) ? item[2]! : "•";
  return { ...block("item", item[3]!, from, label), depth };
}

function block(kind: Block["kind"], text: string, from: number, label = ""): Block {
  return { kind, text, label, depth: 0, from };
}

/** A line goes on with what is above it: a paragraph or an item, or a row of the same table. */
function joins(open: Block, next: Block): boolean {
  if (next.kind === "table") return open.kind === "table";
  return next.kind === "paragraph" && (open.kind === "paragraph" || open.kind === "item");
}

const INLINE = /`([^`\n]+)`|\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*/g;

/** `code` and **strong** within a block. */
export function spans(text: string): Span[] {
  const found: Span[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), style: "" });
    const [whole, code, strong] = match;
    found.push(
      code === undefined ? { text: strong!, style: "strong" } : { text: code, style: "code" },
    );
    at = match.index + whole.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), style: "" });
  return found;
}
