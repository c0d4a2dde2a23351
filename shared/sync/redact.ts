/** Longest message that is kept, in characters. */
const MAX_LENGTH = 200;

const HIDDEN = '…';

/**
 * What a message of the CRM says, without personal data: its first line, without quoted texts, emails, numbers of four or more digits, and
 * any word of the values that the sync knows of the person. Words with other letters than A to Z are also found inside of other texts,
 * since some scripts have no spaces, and names of one letter.
 *
 * @param values texts about the person.
 * @example redact('Owner 99 of "Ann" <ann@example.com> does not exist', ['Ann']) // → 'Owner 99 of … … does not exist'
 */
export function redact(message: string, values: readonly string[]): string {
  const words = values.flatMap(wordsOf);
  const whole = new Set(words.filter((word) => word.length > 1));
  const inside = [...new Set(words.filter((word) => /[^A-Z0-9]/.test(word)))];
  const line = message.trim().split('\n', 1)[0] ?? '';
  return line
    .replace(/"[^"]*"|'[^']*'|`[^`]*`|<[^>]*>|“[^”]*”/g, HIDDEN)
    .split(/(\s+)/)
    .map((part) => (isPersonal(part, whole, inside) ? HIDDEN : part))
    .join('')
    .slice(0, MAX_LENGTH);
}

const isPersonal = (part: string, whole: ReadonlySet<string>, inside: readonly string[]): boolean =>
  part.includes('@') ||
  (part.match(/\d/g) ?? []).length >= 4 ||
  wordsOf(part).some((word) => whole.has(word) || inside.some((each) => word.includes(each)));

/** Words of letters and digits, without case: lower case alone leaves `ß` and `SS` apart, upper case alone `ẞ` and `SS`. */
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .toUpperCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
