import type { User } from '../../shared/user/user.ts';

/** A text that somebody may read: where it comes from, and what it says. */
export interface Output {
  source: string;
  text: string;
}

/** What a system has written, where only ids may be, holds a value of a person. */
export class PersonalDataShownError extends Error {
  override name = 'PersonalDataShownError';

  constructor(places: readonly string[]) {
    super(`Personal data is shown:\n${places.slice(0, 20).join('\n')}`);
  }
}

/** Shortest value that no other text holds by chance. */
const SHORTEST = 5;
/** A phone number without its country code, as long as most are. */
const NATIONAL_DIGITS = 10;
const SEPARATORS = /[\s().-]/g;
/** What a duration has behind its point: more digits than a phone number has there, and some would be one by chance. */
const FRACTION = /(?<!\+\d*)\.\d{11,}/g;
const CONTEXT = 80;

/**
 * The emails, names and phone numbers of the people of a run. Finds them in any text, in upper and lower case,
 * in a URL, and for a phone number with or without country code, spaces and dashes. Takes time by the length of the text alone.
 */
export class PersonalData {
  /** Forms of all values by their first characters. */
  readonly #words = new Map<string, Set<string>>();
  readonly #numbers = new Map<string, Set<string>>();

  /** @throws RangeError for a value too short to be told from other text: it could be found, or overlooked, by chance. */
  remember({ email, firstName, lastName, phone }: Partial<User>): void {
    if (email !== undefined) this.#rememberWord(identifyingPart(email));
    if (firstName !== undefined) this.#rememberWord(firstName);
    if (lastName !== undefined) this.#rememberWord(lastName);
    if (phone !== undefined) remember(this.#numbers, phone.replace(/\D/g, '').slice(-NATIONAL_DIGITS));
  }

  /** Places at which a value shows, in words. */
  shownIn(outputs: Iterable<Output>): string[] {
    const places: string[] = [];
    for (const { source, text } of outputs) {
      const lower = text.toLowerCase();
      const digits = lower.replace(FRACTION, '').replace(SEPARATORS, '');
      const found = [...placesOf(this.#words, lower), ...placesOf(this.#numbers, digits)];
      places.push(...found.map((place) => `${source}: ${place}`));
    }
    return places;
  }

  #rememberWord(value: string): void {
    remember(this.#words, value.toLowerCase());
    remember(this.#words, encodeURIComponent(value).toLowerCase());
  }
}

/** Of an email what stands before the @, if that is enough to tell whose it is. */
function identifyingPart(email: string): string {
  const local = email.split('@', 1)[0] ?? '';
  return local.length >= SHORTEST ? local : email;
}

function remember(forms: Map<string, Set<string>>, form: string): void {
  if (form.length < SHORTEST) throw new RangeError(`"${form}" is too short to be told from other text`);
  const first = form.slice(0, SHORTEST);
  forms.set(first, (forms.get(first) ?? new Set()).add(form));
}

function placesOf(forms: ReadonlyMap<string, ReadonlySet<string>>, text: string): string[] {
  const places: string[] = [];
  for (let at = 0; at + SHORTEST <= text.length; at++) {
    for (const form of forms.get(text.slice(at, at + SHORTEST)) ?? []) {
      if (!text.startsWith(form, at)) continue;
      const around = text.slice(Math.max(0, at - CONTEXT), at + form.length + CONTEXT);
      places.push(`"${form}" in …${around}…`);
    }
  }
  return places;
}
