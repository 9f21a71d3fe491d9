// Characters that hide or reorder text, made visible: an event must not be able to
// look like something it is not.

const HIDDEN =
  /(?![\t\n\r]|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const SPACES = /[\t\n\r]+/g;

/** The text with every hidden character shown as a picture (␀) or by its number (⟨U+202E⟩). */
export function visible(text: string): string {
  return text.replace(HIDDEN, mark);
}

/** The same on one line: runs of tabs and line breaks become ` ⏎ ` or one space. */
export function visibleLine(text: string): string {
  return visible(text.replace(SPACES, (run) => (/[\n\r]/.test(run) ? " ⏎ " : " ")));
}

/** Whether `visible` would change anything. */
export function hidesSomething(text: string): boolean {
  HIDDEN.lastIndex = 0;
  return HIDDEN.test(text);
}

function mark(character: string, offset: number, whole: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x200d && joinsEmoji(whole, offset)) return character;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** A zero-width joiner between two pictographs is one picture, not a trick. */
function joinsEmoji(text: string, offset: number): boolean {
  const picture = /\p{Extended_Pictographic}/u;
  return (
    picture.test(text.slice(Math.max(0, offset - 3), offset)) &&
    picture.test(text.slice(offset + 1, offset + 3))
  );
}
