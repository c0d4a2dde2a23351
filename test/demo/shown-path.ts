import { ADDRESS_PARTS, contactField, isStandardField } from '../../shared/user/contact-fields.ts';

/** Paths of a mapping's field in the CRM: one, or one per part of an address. */
export function pathsOf(key: string): string[] {
  if (!isStandardField(key)) return [key];
  const { kind, property } = contactField(key);
  if (kind === 'address') return ADDRESS_PARTS.map((part) => `${property}.${key}.${part}`);
  return kind === 'email' || kind === 'phone' || kind === 'social' ? [`${property}.${key}`] : [property];
}
