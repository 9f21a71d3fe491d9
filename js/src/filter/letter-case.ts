// What "case does not matter" means: two characters are the same if their upper case is, as the
// browser's own /i decides.
// `axon_notebook/filtering/case.py` is this file in Python.

/** What stands for all characters that differ only in case, as the browser's own /i decides. */
export function fold(code: number): number {
  return within(code, String.fromCodePoint(code).toUpperCase());
}

/** A text in which case does not matter any more. */
export function foldText(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toUpperCase();
  return Array.from(text, (char) => String.fromCodePoint(fold(char.codePointAt(0)!))).join("");
}

/** The lower case of a folded character, if that folds to it again. */
export function lower(folded: number): number {
  const found = within(folded, String.fromCodePoint(folded).toLowerCase());
  return fold(found) === folded ? found : folded;
}

function within(code: number, other: string): number {
  const found = other.charCodeAt(0);
  return other.length !== 1 || code > 0xffff || code >= 128 !== found >= 128 ? code : found;
}
