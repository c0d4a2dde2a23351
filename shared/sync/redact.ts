/** Longest message that is kept, in characters. */
const MAX_LENGTH = 200;

const HIDDEN = '…';

/**
 * What a message of the CRM says, without personal data: its first line, without quoted texts, emails, numbers of four or more digits, and
 * any word of the values that the sync knows of the person.
 *
 * @param values texts about the person.
 * @example redact('Owner 99 of "Ann" <ann@example.com> does not exist', ['Ann']) // → 'Owner 99 of … … does not exist'
 */
export function redact(message: string, values: readonly string[]): string {
  const known = new Set(values.flatMap(wordsOf));
  const line = message.trim().split('\n', 1)[0] ?? '';
  return line
    .replace(/"[^"]*"|'[^']*'|`[^`]*`|<[^>]*>|“[^”]*”/g, HIDDEN)
    .split(/(\s+)/)
    .map((part) => (isPersonal(part, known) ? HIDDEN : part))
    .join('')
    .slice(0, MAX_LENGTH);
}

const isPersonal = (part: string, known: ReadonlySet<string>): boolean =>
  part.includes('@') ||
  (part.match(/\d/g) ?? []).length >= 4 ||
  wordsOf(part).some((word) => known.has(word));

/** Words of letters and digits, without case: lower case alone leaves `ß` and `SS` apart, upper case alone `ẞ` and `SS`. */
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .toUpperCase()
    .match(/[\p{L}\p{M}\p{N}]{2,}/gu) ?? [];
