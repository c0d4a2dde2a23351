import type { User } from '../../shared/user/user.ts';

/** A text that people may read, and its source. */
export interface Output {
  source: string;
  text: string;
}

/** Thrown when personal data appears in output that may contain only ids. */
export class PersonalDataShownError extends Error {
  override name = 'PersonalDataShownError';

  constructor(places: readonly string[]) {
    super(`Personal data in output:\n${places.slice(0, 20).join('\n')}`);
  }
}

/** Shorter values could appear in other text by chance. */
const MIN_LENGTH = 5;
/** Usual length of a phone number without country code. */
const NATIONAL_DIGITS = 10;
const SEPARATORS = /[\s().-]/g;
/** Decimals of durations: long enough to contain a phone number by chance. */
const FRACTION = /(?<!\+\d*)\.\d{11,}/g;
const CONTEXT = 80;

/**
 * Emails, names and phone numbers of the people in a run. Finds them in any text: in any case, in a URL, and phone numbers with or
 * without country code, spaces and dashes. The time depends only on the length of the text.
 */
export class PersonalData {
  /** Spellings of all values, by their first characters. */
  readonly #words = new Map<string, Set<string>>();
  readonly #numbers = new Map<string, Set<string>>();

  /** @throws RangeError for a value so short that other text could contain it by chance. */
  remember({ email, firstName, lastName, phone }: Partial<User>): void {
    if (email) this.#rememberWord(identifyingPart(email));
    if (firstName !== undefined) this.#rememberWord(firstName);
    if (lastName !== undefined) this.#rememberWord(lastName);
    if (phone !== undefined) remember(this.#numbers, phone.replace(/\D/g, '').slice(-NATIONAL_DIGITS));
  }

  /** Places where a value appears, as text. */
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

/** The part of an email before the @, if it is long enough to identify a person. */
function identifyingPart(email: string): string {
  const local = email.split('@', 1)[0] ?? '';
  return local.length >= MIN_LENGTH ? local : email;
}

function remember(forms: Map<string, Set<string>>, form: string): void {
  if (form.length < MIN_LENGTH)
    throw new RangeError(`"${form}" is too short: other text could contain it by chance`);
  const first = form.slice(0, MIN_LENGTH);
  forms.set(first, (forms.get(first) ?? new Set()).add(form));
}

function placesOf(forms: ReadonlyMap<string, ReadonlySet<string>>, text: string): string[] {
  const places: string[] = [];
  for (let at = 0; at + MIN_LENGTH <= text.length; at++) {
    for (const form of forms.get(text.slice(at, at + MIN_LENGTH)) ?? []) {
      if (!text.startsWith(form, at)) continue;
      const around = text.slice(Math.max(0, at - CONTEXT), at + form.length + CONTEXT);
      places.push(`"${form}" in …${around}…`);
    }
  }
  return places;
}
