import { TEXT_MAX } from './contact-fields.ts';
import { type CustomField, type CustomValue, optionsOf } from './custom-field.ts';
import { normaliseEmail, normalisePhone } from './normalise-standard.ts';
import {
  type Normalised,
  normaliseDate,
  normaliseMoment,
  normaliseText,
  normaliseWebsite,
} from './normalise-values.ts';
import type { User } from './user.ts';

/** Longest text of a text area, in characters. The CRM accepts more. */
const AREA_MAX = 4000;

/**
 * Normalises a custom field's value to the CRM's form: always a string, since the CRM has refused numbers. Never throws.
 * The forms of yes/no (`1`, `0`) and of lists (comma-separated labels) are assumptions: the vendor does not document them.
 */
export function normaliseCustom(field: CustomField, raw: CustomValue, user: User): Normalised {
  const text = String(raw).trim();
  switch (field.type) {
    case 'TextArea':
      return normaliseText(text, AREA_MAX);
    case 'Email':
    case 'User':
      return normaliseEmail(text);
    case 'PhoneNumber':
      return normalisePhone(text, user.locale);
    case 'Website':
      return normaliseWebsite(text, TEXT_MAX);
    case 'Date':
      return normaliseDate(text);
    case 'DateTime':
      return normaliseMoment(text);
    case 'WholeNumber':
      return wholeNumber(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    case 'Year':
      return wholeNumber(text, 1000, 9999);
    case 'Month':
      return wholeNumber(text, 1, 12);
    case 'DayOfWeek':
      return wholeNumber(text, 1, 7);
    case 'DecimalNumber':
    case 'Percent':
      return decimal(text);
    case 'Currency':
      return decimal(text, 2);
    case 'YesNo':
      return typeof raw === 'boolean' ? { value: raw ? '1' : '0' } : { dropped: 'neither true nor false' };
    case 'Dropdown':
    case 'Radio':
    case 'Drilldown':
      return oneOf(text, optionsOf(field));
    case 'ListBox':
      return listOf(raw, (item) => oneOf(item, optionsOf(field)));
    case 'UserListBox':
      return listOf(raw, normaliseEmail);
    case 'SocialSecurityNumber':
      return /^\d{3}-?\d{2}-?\d{4}$/.test(text)
        ? { value: text }
        : { dropped: 'not a social security number' };
    default:
      return normaliseText(text, TEXT_MAX);
  }
}

function wholeNumber(text: string, min: number, max: number): Normalised {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= min && value <= max
    ? { value: String(value) }
    : { dropped: `not a whole number from ${min} to ${max}` };
}

function decimal(text: string, digits?: number): Normalised {
  const value = Number(text);
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER)
    return { dropped: 'not a number' };
  const plain = digits === undefined ? String(value) : value.toFixed(digits).replace(/^-(0\.0+)$/, '$1');
  return plain.includes('e') ? { dropped: 'too small a number' } : { value: plain };
}

/** The option as declared; the value's case is ignored. */
function oneOf(text: string, options: readonly string[]): Normalised {
  const option = options.find((each) => each.toLowerCase() === text.toLowerCase());
  return option === undefined ? { dropped: 'not one of the options' } : { value: option };
}

/** Comma-separated items, without invalid ones. */
function listOf(raw: CustomValue, normalise: (item: string) => Normalised): Normalised {
  const items = Array.isArray(raw) ? raw.map(String) : [String(raw)];
  const valid = items.map((item) => normalise(item.trim())).filter((item) => 'value' in item);
  const values = [...new Set(valid.map(({ value }) => value))];
  if (values.length === 0) return { dropped: 'none of its items is valid' };
  const value = values.join(',');
  return valid.length < items.length ? { value, changed: 'invalid items left out' } : { value };
}
