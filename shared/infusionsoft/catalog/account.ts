import type * as z from 'zod/mini';
import type { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';
import type { CustomFieldType } from '../../user/custom-field.ts';

/** The account's fields, tags and the like that a mapping requires. */
export type Account = z.infer<typeof SYNC_TABLE_ITEMS.inspection.schema>['account'];
export type AccountTag = Account['tags'][number];
export type AccountField = Account['customFields'][number];

/** Problem of something that is missing, and that the account has refused to create: a person has to act. */
export const CREATION_REFUSED =
  'is missing, and the account does not allow the sync to create it, for example because it has reached a maximum: create it in the CRM, make room for it, or remove it from the mapping';

/** Messages about everything that the mapping cannot use as it is. */
export function problemsOf({ tags, customFields, leadSources, contactTypes }: Account): string[] {
  const of = (kind: string, items: readonly { name: string; problem?: string | undefined }[]) =>
    items.filter(({ problem }) => problem).map(({ name, problem }) => `${kind} "${name}": ${problem}`);
  return [
    ...of('tag', tags),
    ...of('custom field', customFields),
    ...of('lead source', leadSources),
    ...of('contact type', contactTypes),
  ];
}

/** Names of everything that is missing and can be created. */
export function missingFrom({ tags, customFields, leadSources }: Account): string[] {
  const of = (
    kind: string,
    items: readonly { name: string; id?: number | undefined; problem?: string | undefined }[],
  ) => items.filter((item) => item.id === undefined && !item.problem).map((item) => `${kind} "${item.name}"`);
  return [...of('tag', tags), ...of('custom field', customFields), ...of('lead source', leadSources)];
}

/** Types of the account's fields that also accept the values of another type in the mapping. */
const COMPATIBLE: Readonly<Partial<Record<CustomFieldType, readonly string[]>>> = {
  Text: ['TextArea', 'Name'],
  Name: ['Text', 'TextArea'],
  WholeNumber: ['DecimalNumber'],
};

/**
 * Why a custom field of the account cannot store the mapping's values; undefined if it can.
 *
 * @param wanted type and options in the mapping.
 * @param found type and options in the account, as far as it reports them.
 */
export function fieldMismatch(
  wanted: { type: string; options: readonly string[] },
  found: { type: string | undefined; options: readonly string[] },
): string | undefined {
  const accepted = [wanted.type, ...(COMPATIBLE[wanted.type as CustomFieldType] ?? [])];
  if (found.type !== undefined && !accepted.includes(found.type))
    return `is of type ${found.type} in the CRM, and ${wanted.type} in the mapping: the CRM cannot change a type, so change the mapping, or rename one of the two`;
  const known = new Set(found.options.map((option) => option.toLowerCase()));
  const unknown = wanted.options.filter((option) => !known.has(option.toLowerCase()));
  if (unknown.length === 0) return undefined;
  return `has no option ${unknown.map((option) => `"${option}"`).join(', ')} in the CRM: add it there, or remove it from the mapping`;
}
