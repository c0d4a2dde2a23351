import { ADDRESS_FIELDS, addressIn } from '../user/contact-fields.ts';
import type { ContactFields, DesiredState } from './desired-state.ts';
import { fingerprintOf } from './plan.ts';

/**
 * Hashes of the values that the CRM has refused, by field, as stored on the user's item. The region of an address is a field of its own
 * here (`BILLING.region`), since the CRM may accept the address without it. The hash of an empty text means that the CRM refused to clear
 * the field.
 */
export type RefusedFields = Readonly<Record<string, string>>;

const CLEARED = '';
const REGION = '.region';

/** The key of an address's region among refused fields. */
export const regionKey = (address: string): string => `${address}${REGION}`;

/** The address whose region a key names; undefined for another key. */
export const addressOfRegion = (key: string): (typeof ADDRESS_FIELDS)[number] | undefined =>
  ADDRESS_FIELDS.find((field) => regionKey(field) === key);

/** The hash of what the CRM refuses, by the fields that were to be written. */
export function refusedHash(key: string, fields: ContactFields): string {
  const address = addressOfRegion(key);
  const { region = CLEARED, country_code = '' } = addressIn(address && fields[address]);
  const value = address ? `${country_code} ${region}` : (fields as Record<string, string>)[key];
  return fingerprintOf({ [key]: value ?? CLEARED } as ContactFields)[key] ?? '';
}

/** An address without its region, as the value of a desired state. */
export function withoutRegion(address: string): string {
  const { region: _, ...parts } = addressIn(address);
  return JSON.stringify(parts);
}

/**
 * Leaves out of a desired state what the CRM has refused, as long as the value is the same, with a warning.
 *
 * @returns the desired state; `refused` has the entries that still apply.
 */
export function withoutRefused(desired: DesiredState, remembered: RefusedFields = {}): DesiredState {
  const entries = Object.entries(remembered).filter(
    ([key, hash]) => refusedHash(key, desired.fields) === hash,
  );
  if (entries.length === 0) return desired;
  const fields: Record<string, string> = { ...desired.fields };
  const warnings = entries.map(([key]) => refusalWarning(key));
  for (const [key] of entries) {
    const address = addressOfRegion(key);
    const value = address && fields[address];
    if (address && value) fields[address] = withoutRegion(value);
    else delete fields[key];
  }
  return {
    ...desired,
    fields,
    warnings: [...desired.warnings, ...warnings],
    refused: Object.fromEntries(entries),
  };
}

/** The warning about a field that was left out because the CRM refused it. */
export const refusalWarning = (field: string) =>
  ({
    field,
    problem: 'left out: the CRM refuses the value, until it changes',
    reason: 'refused-value',
  }) as const;
