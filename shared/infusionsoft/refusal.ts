import { isHTTPError } from 'ky';
import { RefusedFieldsError, RejectedError } from '../sync/errors.ts';
import { addressOfRegion, regionKey } from '../sync/refused-fields.ts';
import { contactField, isStandardField } from '../user/contact-fields.ts';
import { type Catalog, catalogKey } from './catalog/catalog.ts';

/** Statuses with which the CRM refuses values. */
const REFUSALS: readonly (number | undefined)[] = [400, 422];

/** Whether the CRM has refused a request because of its values. */
export const isRefusal = (error: unknown): error is RejectedError =>
  error instanceof RefusedFieldsError || (error instanceof RejectedError && REFUSALS.includes(error.status));

/**
 * The fields that the answer to a refused write names: by the key in the mapping, the property or label in the CRM, or the id of a custom
 * field. Nobody knows how the CRM names them, so this is a hint.
 *
 * @param keys fields that were written.
 * @returns keys; for an address whose region the answer names, the key of the region.
 */
export function namedFields(
  error: RejectedError,
  keys: readonly string[],
  catalog: Pick<Catalog, 'customFields'>,
): string[] {
  if (error instanceof RefusedFieldsError) return keys.filter((key) => error.fields.includes(key));
  const text = isHTTPError(error.cause) ? JSON.stringify(error.cause.data ?? '') : '';
  const found = keys.flatMap((key) => {
    const name = namesOf(key, catalog).find(({ pattern }) => pattern.test(text))?.name;
    return name === undefined ? [] : [{ key, name }];
  });
  // "Program Week is invalid" does not name the field "Program".
  const isPart = (name: string) => found.some((other) => other.name !== name && other.name.includes(name));
  return found
    .filter(({ name }) => !isPart(name))
    .map(({ key }) =>
      addressOfRegion(regionKey(key)) !== undefined && /region/i.test(text) ? regionKey(key) : key,
    );
}

/** Names by which an answer may mean a field. */
function namesOf(
  key: string,
  { customFields }: Pick<Catalog, 'customFields'>,
): { name: string; pattern: RegExp }[] {
  if (!isStandardField(key)) {
    const label = key.slice('custom_fields.'.length);
    const id = customFields[catalogKey(label)];
    return [
      ...wordsOf(label),
      ...(id === undefined ? [] : [{ name: `${id}`, pattern: new RegExp(`\\b${id}\\b`) }]),
    ];
  }
  const { property, label, kind } = contactField(key);
  // OTHER and the like are words, too.
  if (['email', 'phone', 'address', 'social'].includes(kind))
    return [{ name: key, pattern: new RegExp(`\\b${key}\\b`) }];
  return [key, property, label].flatMap(wordsOf);
}

/** A name with any separators between its words, as in `time_zone`, `Time Zone` and `timeZone`. */
function wordsOf(name: string): { name: string; pattern: RegExp }[] {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (words.length === 0) return [];
  return [
    {
      name: words.join(' ').toLowerCase(),
      pattern: new RegExp(`(?<![\\p{L}\\p{N}])${words.join('[^\\p{L}\\p{N}]*')}(?![\\p{L}\\p{N}])`, 'iu'),
    },
  ];
}
