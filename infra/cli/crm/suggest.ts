/** Most edits by which a suggested name differs: a swap of two letters, or a missing word ending. */
const MAX_EDITS = 3;
const MOST = 3;

/**
 * Names that a person may have meant.
 *
 * @example suggest('contatcs', ['contacts', 'tags']) // → ' Did you mean contacts?'
 * @returns a sentence with a leading space, or an empty text.
 */
export function suggest(wanted: string, names: readonly string[]): string {
  const asked = wanted.toLowerCase();
  const near = names
    .map((name) => ({ name, edits: contains(name, asked) ? 1 : distance(asked, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= MAX_EDITS)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, MOST)
    .map(({ name }) => name);
  return near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
}

const contains = (name: string, part: string): boolean =>
  part.length > 2 && name.toLowerCase().includes(part);

/** Insertions, deletions and replacements that make one text of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= b.length; at++) {
      const replaced = (row[at - 1] ?? 0) + (b[at - 1] === letter ? 0 : 1);
      next.push(Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
