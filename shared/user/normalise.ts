import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import * as z from 'zod';
import type { CustomFieldType, StandardField } from './define-mapping.ts';
import type { User } from './user.ts';

/** A value that the CRM takes, or why it has none of it. `changed` says that the value had to be put right. */
export type Normalised = { value: string; changed?: string } | { dropped: string };

/** Longest EMAIL1 and names that the CRM takes (v1, seen in its refusals), in characters. */
const EMAIL_MAX = 75;
const NAME_MAX = 40;
/** A text field of the CRM holds 255 characters. */
const TEXT_MAX = 255;

const emailSchema = z.email().max(EMAIL_MAX);

/** Puts a standard field's value into the form that the CRM takes. Never throws. */
export function normaliseStandard(field: StandardField, raw: string, user: User): Normalised {
  switch (field) {
    case 'EMAIL1': {
      const email = emailSchema.safeParse(raw.trim());
      return email.success
        ? { value: email.data }
        : { dropped: `not an email address of up to ${EMAIL_MAX} characters` };
    }
    case 'PHONE1':
      return normalisePhone(raw, user.locale);
    case 'time_zone':
      return isTimeZone(raw) ? { value: raw } : { dropped: 'not a time zone of the IANA database' };
    case 'preferred_locale':
      return normaliseLocale(raw);
    case 'given_name':
    case 'family_name':
      return normaliseText(raw, NAME_MAX);
    case 'opt_in_reason':
      return normaliseText(raw, TEXT_MAX);
  }
}

/** Puts a custom field's value into the form that the CRM takes: always a string, since numbers have failed. */
export function normaliseCustom(type: CustomFieldType, raw: string | number): Normalised {
  switch (type) {
    case 'Text':
      return normaliseText(String(raw), TEXT_MAX);
    case 'Date': {
      const time = Date.parse(String(raw));
      return Number.isNaN(time)
        ? { dropped: 'not a date' }
        : { value: new Date(time).toISOString().slice(0, 10) };
    }
    case 'WholeNumber':
      return Number.isSafeInteger(Number(raw))
        ? { value: String(Number(raw)) }
        : { dropped: 'not a whole number' };
  }
}

function normaliseText(raw: string, max: number): Normalised {
  const clean = raw
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  if (clean === '') return { dropped: 'nothing but spaces and control characters' };
  if (clean.length > max) return { value: cut(clean, max), changed: `cut to ${max} characters` };
  return clean === raw.trim() ? { value: clean } : { value: clean, changed: 'control characters taken out' };
}

/** Counts UTF-16 units, the stricter reading of the CRM's limits, and never cuts a character in two. */
function cut(text: string, max: number): string {
  let short = '';
  for (const character of text) {
    if (short.length + character.length > max) break;
    short += character;
  }
  return short.trim();
}

/** E.164; a number without a country code is read as one of the country in the user's locale. */
function normalisePhone(raw: string, locale: string | undefined): Normalised {
  const region = locale?.split(/[-_]/).find((part) => /^[A-Z]{2}$/.test(part));
  const country: CountryCode | undefined = region && isSupportedCountry(region) ? region : undefined;
  const phone = parsePhoneNumberFromString(raw, country);
  return phone?.isPossible() ? { value: phone.number } : { dropped: 'not a possible phone number' };
}

/** `en-us` → `en_US`: the CRM writes locales with an underscore (example in the v1 contract). */
function normaliseLocale(raw: string): Normalised {
  try {
    const { language, region } = new Intl.Locale(raw.trim().replaceAll('_', '-'));
    return { value: region ? `${language}_${region}` : language };
  } catch (error) {
    if (error instanceof RangeError) return { dropped: 'not a locale' };
    throw error;
  }
}

function isTimeZone(raw: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: raw });
    return /^[A-Za-z]/.test(raw);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
