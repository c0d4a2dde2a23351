/**
 * How a search compares what was asked for with what the account holds. The vendor does not say how the real one does (v1), so a
 * client has to be right with each: `exact` finds the whole text, `prefix` whatever begins with it, `loose` whatever shares a word
 * with it (`ann@example.com` finds every address at `example.com`), and `ignored` everything. Case never counts.
 */
export const SEARCH_MODES = ['exact', 'prefix', 'loose', 'ignored'] as const;
export type SearchMode = (typeof SEARCH_MODES)[number];

/** Whether a search for `text` finds a value. A search for nothing finds everything. */
export function isFound(mode: SearchMode, text: string | undefined, value: string | undefined): boolean {
  if (!text || mode === 'ignored') return true;
  if (value === undefined) return false;
  const [wanted, actual] = [text.toLowerCase(), value.toLowerCase()];
  switch (mode) {
    case 'exact':
      return actual === wanted;
    case 'prefix':
      return actual.startsWith(wanted);
    case 'loose':
      return wordsOf(wanted).some((word) => wordsOf(actual).includes(word));
  }
}

const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
