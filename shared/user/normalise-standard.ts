import { domainToASCII } from 'node:url';
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { ADDRESS_FIELDS, type Address, type StandardField } from './define-mapping.ts';
import { memoize } from './memoize.ts';
import {
  type Normalised,
  normaliseDate,
  normaliseText,
  normaliseWebsite,
  TEXT_MAX,
} from './normalise-values.ts';
import type { User } from './user.ts';

/** Longest EMAIL1 and names that the CRM accepts (v1, observed), in characters. */
const EMAIL_MAX = 75;
const NAME_MAX = 40;

/**
 * An email address as HTML defines it for forms, with a domain of at least two labels, the last of which is no number. It is the widest
 * definition in common use: the CRM decides about the rest. Source: https://html.spec.whatwg.org/#valid-e-mail-address
 */
const EMAIL =
  /^[\w.!#$%&'*+/=?^`{|}~-]+@(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+[a-z][a-z\d-]{0,61}[a-z\d]$/i;

/** Normalises a standard field's value to the CRM's form. Never throws. */
export function normaliseStandard(field: StandardField, raw: string | Address, user: User): Normalised {
  if (typeof raw !== 'string')
    return isAddress(field) ? normaliseAddress(raw) : { dropped: 'an address instead of a text' };
  switch (field) {
    case 'EMAIL1':
    case 'owner':
      return normaliseEmail(raw);
    case 'PHONE1':
      return normalisePhone(raw, user.locale);
    case 'time_zone':
      return isTimeZone(raw) ? { value: raw } : { dropped: 'not a time zone of the IANA database' };
    case 'preferred_locale':
      return normaliseLocale(raw);
    case 'given_name':
    case 'middle_name':
    case 'family_name':
      return normaliseText(raw, NAME_MAX);
    case 'birthday':
    case 'anniversary':
      return normaliseDate(raw);
    case 'website':
      return normaliseWebsite(raw);
    case 'BILLING':
    case 'SHIPPING':
    case 'OTHER':
      return { dropped: 'a text instead of an address' };
    default:
      return normaliseText(raw, TEXT_MAX);
  }
}

const isAddress = (field: StandardField): boolean => (ADDRESS_FIELDS as readonly string[]).includes(field);

/** An email address that the CRM may accept. An internationalized domain is converted to its ASCII form. */
export function normaliseEmail(raw: string): Normalised {
  const text = raw.trim();
  const domainAt = text.lastIndexOf('@') + 1;
  const email = text.slice(0, domainAt) + asciiDomain(text.slice(domainAt));
  return email.length <= EMAIL_MAX && EMAIL.test(email)
    ? { value: email }
    : { dropped: `not an email address of up to ${EMAIL_MAX} characters` };
}

/** A domain in its ASCII form (UTS #46), or the text as it is if it is no internationalized domain. */
function asciiDomain(text: string): string {
  // The conversion reads a host of a URL: it would cut the text at a slash, and decode or drop other characters.
  const isInternationalized = /\P{ASCII}/u.test(text) && /^(?:[A-Za-z\d.-]|\P{ASCII})+$/u.test(text);
  return isInternationalized ? domainToASCII(text) : text;
}

/** A phone number in E.164. Without a country code, it is read as a number of the country in the user's locale. */
export function normalisePhone(raw: string, locale: string | undefined): Normalised {
  const region = locale?.split(/[-_]/).find((part) => /^[A-Z]{2}$/.test(part));
  const country = region !== undefined && isSupportedCountry(region) ? region : undefined;
  const phone = parsePhoneNumberFromString(raw, country);
  return phone?.isPossible() ? { value: phone.number } : { dropped: 'not a possible phone number' };
}

const PARTS = ['line1', 'line2', 'locality', 'region', 'postal_code', 'country_code'] as const;

/** The parts as JSON, in a fixed order. The CRM refuses a region without a country (v1), so it is left out. */
function normaliseAddress(raw: Address): Normalised {
  const parts: Address = {};
  for (const part of PARTS) {
    const text = normaliseText(raw[part] ?? '', TEXT_MAX);
    if ('value' in text) parts[part] = text.value;
  }
  const country = parts.country_code?.toUpperCase();
  const { country_code: _, region, ...others } = parts;
  if (country && /^[A-Z]{3}$/.test(country))
    return { value: JSON.stringify({ ...others, ...(region && { region }), country_code: country }) };
  if (Object.keys(others).length === 0)
    return { dropped: 'an address without lines, locality or postal code' };
  const value = JSON.stringify(others);
  if (country)
    return {
      value,
      changed: 'the country is not a three-letter code (ISO 3166-1): left out, with the region',
    };
  return region ? { value, changed: 'a region without a country: left out' } : { value };
}

/** `en-us` → `en_US`: the CRM uses an underscore (example in the v1 contract). */
const normaliseLocale = memoize((raw): Normalised => {
  try {
    const { language, region } = new Intl.Locale(raw.trim().replaceAll('_', '-'));
    return { value: region ? `${language}_${region}` : language };
  } catch (error) {
    if (error instanceof RangeError) return { dropped: 'not a locale' };
    throw error;
  }
});

const isTimeZone = memoize((raw): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: raw });
    return /^[A-Za-z]/.test(raw);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
});
