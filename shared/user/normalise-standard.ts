import { domainToASCII } from 'node:url';
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import {
  ADDRESS_PARTS,
  addressPartMax,
  contactField,
  type FieldOfKind,
  SOURCE_TYPES,
  type StandardField,
  TEXT_MAX,
} from './contact-fields.ts';
import type { Address } from './define-mapping.ts';
import { memoize } from './memoize.ts';
import { type Normalised, normaliseDate, normaliseText, normaliseWebsite } from './normalise-values.ts';
import { supportedTimeZone } from './time-zones.ts';
import type { User } from './user.ts';

/** Longest email where the field has no length of its own, in characters. */
const EMAIL_MAX = 75;

/**
 * An email address as HTML defines it for forms, with a domain of at least two labels, the last of which is not a number. It is the widest
 * definition in common use: the CRM decides about the rest. Source: https://html.spec.whatwg.org/#valid-e-mail-address
 */
const EMAIL =
  /^[\w.!#$%&'*+/=?^`{|}~-]+@(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+[a-z][a-z\d-]{0,61}[a-z\d]$/i;

/** Normalises a standard field's value to the CRM's form, by the table of fields. Never throws. */
export function normaliseStandard(field: StandardField, raw: string | Address, user: User): Normalised {
  const { kind, max = TEXT_MAX, isCut } = contactField(field);
  if (kind === 'address')
    return typeof raw === 'string'
      ? { dropped: 'a text instead of an address' }
      : normaliseAddress(field as FieldOfKind<'address'>, raw);
  if (typeof raw !== 'string') return { dropped: 'an address instead of a text' };
  switch (kind) {
    case 'email':
    case 'staff':
      return normaliseEmail(raw, max);
    case 'phone':
      return fitting(normalisePhone(raw, user.locale), max);
    case 'timeZone':
      return normaliseTimeZone(raw);
    case 'locale':
      return normaliseLocale(raw);
    case 'date':
      return normaliseDate(raw);
    case 'website':
      return normaliseWebsite(raw, max);
    case 'option':
      return optionOf(raw, SOURCE_TYPES);
    case 'text':
    case 'social':
    case 'choice':
    case 'company':
      return isCut ? normaliseText(raw, max) : fitting(normaliseText(raw, raw.length), max);
  }
}

/** Leaves a value out that is too long: cut, it would be a wrong one. */
const fitting = (normalised: Normalised, max: number): Normalised =>
  'value' in normalised && normalised.value.length > max
    ? { dropped: `longer than ${max} characters` }
    : normalised;

function optionOf(raw: string, options: readonly string[]): Normalised {
  const value = raw.trim().toUpperCase();
  return options.includes(value) ? { value } : { dropped: `not one of ${options.join(', ')}` };
}

/** An email address that the CRM may accept. An internationalized domain is converted to its ASCII form. */
export function normaliseEmail(raw: string, max: number = EMAIL_MAX): Normalised {
  const text = raw.trim();
  const domainAt = text.lastIndexOf('@') + 1;
  const email = text.slice(0, domainAt) + asciiDomain(text.slice(domainAt));
  return email.length <= max && EMAIL.test(email)
    ? { value: email }
    : { dropped: `not an email address of up to ${max} characters` };
}

/** A domain in its ASCII form (UTS #46), or the text as it is if it is not an internationalized domain. */
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

/**
 * The parts as JSON, in a fixed order. The CRM refuses a region without a country (v1), so it is left out. Whether the country has the
 * region is checked later, by the account's list (`catalog/resolve-fields.ts`).
 */
function normaliseAddress(field: FieldOfKind<'address'>, raw: Address): Normalised {
  const parts: Address = {};
  const problems: string[] = [];
  for (const part of ADDRESS_PARTS) {
    const max = addressPartMax(field, part);
    const text = normaliseText(raw[part] ?? '', TEXT_MAX);
    if (!('value' in text)) continue;
    if (text.value.length <= max || part === 'country_code') parts[part] = text.value;
    else if (part === 'postal_code') problems.push(`a postal code of more than ${max} characters: left out`);
    else {
      const short = normaliseText(text.value, max);
      if ('value' in short) parts[part] = short.value;
      problems.push(`${part}: cut to ${max} characters`);
    }
  }
  const country = parts.country_code?.toUpperCase();
  const { country_code: _, region, ...others } = parts;
  const isCountry = country !== undefined && /^[A-Z]{3}$/.test(country);
  if (!isCountry && Object.keys(others).length === 0)
    return { dropped: 'an address without lines, locality or postal code' };
  if (country && !isCountry)
    problems.push('the country is not a three-letter code (ISO 3166-1): left out, with the region');
  else if (region && !isCountry) problems.push('a region without a country: left out');
  const value = JSON.stringify(
    isCountry ? { ...others, ...(region && { region }), country_code: country } : others,
  );
  return problems.length > 0 ? { value, changed: problems.join('; ') } : { value };
}

/** `en-us` → `en_US`: the CRM takes five characters with an underscore (v1, example; wp-fusion-lite leaves out others). */
const normaliseLocale = memoize((raw): Normalised => {
  try {
    const { language, region = '' } = new Intl.Locale(raw.trim().replaceAll('_', '-'));
    const value = `${language}_${region}`;
    return /^[a-z]{2}_[A-Z]{2}$/.test(value)
      ? { value }
      : { dropped: 'not a locale of a language and a country with two letters each, such as en_US' };
  } catch (error) {
    if (error instanceof RangeError) return { dropped: 'not a locale' };
    throw error;
  }
});

const normaliseTimeZone = memoize((raw): Normalised => {
  const zone = supportedTimeZone(raw);
  if (zone === 'none') return { dropped: 'not a time zone of the IANA database' };
  if (zone === undefined) return { dropped: 'the CRM has no time zone with the same rules' };
  return zone === raw.trim()
    ? { value: zone }
    : { value: zone, changed: 'replaced by a time zone of the CRM with the same rules' };
});
