import type { CustomFieldType } from '../../user/custom-field.ts';

/** Types of the account that take the values of another type of the mapping too. */
const TAKES_TOO: Readonly<Partial<Record<CustomFieldType, readonly string[]>>> = {
  Text: ['TextArea', 'Name'],
  Name: ['Text', 'TextArea'],
  WholeNumber: ['DecimalNumber'],
};

/**
 * Why a field of the account cannot take what the mapping would write to it, or undefined when it can.
 *
 * @param wanted type and options in the mapping.
 * @param found type and options of the account, as far as it tells them.
 */
export function mismatch(
  wanted: { type: string; options: readonly string[] },
  found: { type: string | undefined; options: readonly string[] },
): string | undefined {
  const takes = [wanted.type, ...(TAKES_TOO[wanted.type as CustomFieldType] ?? [])];
  if (found.type !== undefined && !takes.includes(found.type))
    return `is of type ${found.type} in the CRM, and ${wanted.type} in the mapping: the CRM cannot change a type, so change the mapping, or rename one of the two`;
  const known = new Set(found.options.map((option) => option.toLowerCase()));
  const unknown = wanted.options.filter((option) => !known.has(option.toLowerCase()));
  if (unknown.length === 0) return undefined;
  return `has no option ${unknown.map((option) => `"${option}"`).join(', ')} in the CRM: add it there, or take it out of the mapping`;
}
