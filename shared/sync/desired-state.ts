import type { CustomKey, Mapping, StandardField } from '../user/define-mapping.ts';
import { type Normalised, normaliseCustom, normaliseStandard } from '../user/normalise.ts';
import type { Warning } from '../user/read-user.ts';
import type { User } from '../user/user.ts';

/** A value for each field of the contact that has one, as the CRM takes it. */
export type ContactFields = Readonly<Partial<Record<StandardField, string>> & Record<CustomKey, string>>;

/** What the CRM should show of a user at a moment. */
export interface DesiredState {
  fields: ContactFields;
  /** Names of the managed tags that the contact should hold, in the order of the mapping. */
  tags: readonly string[];
  /** Values that were put right or left out. */
  warnings: readonly Warning[];
}

/**
 * Works out what the CRM should show of a user: pure, the same answer for the same user and moment.
 *
 * @param now epoch milliseconds: some tags depend on time alone.
 */
export function desiredState(mapping: Mapping, user: User, now: number): DesiredState {
  const fields: Partial<Record<StandardField, string>> & Record<CustomKey, string> = {};
  const warnings: Warning[] = [];
  const take = (key: StandardField | CustomKey, normalised: Normalised): void => {
    if ('dropped' in normalised) {
      warnings.push({ field: key, problem: `left out: ${normalised.dropped}` });
      return;
    }
    fields[key] = normalised.value;
    if (normalised.changed) warnings.push({ field: key, problem: normalised.changed });
  };

  for (const [field, value] of Object.entries(mapping.contact)) {
    const raw = value(user);
    if (raw?.trim()) take(field as StandardField, normaliseStandard(field as StandardField, raw, user));
  }
  for (const [label, { type, value }] of Object.entries(mapping.customFields)) {
    const raw = value(user);
    if (raw !== undefined && String(raw).trim()) take(`custom_fields.${label}`, normaliseCustom(type, raw));
  }
  const tags = mapping.tagGroups.map((group) => group.pick(user, now)).filter((tag) => tag !== undefined);
  return { fields, tags, warnings };
}

/** Whether a user can be in the CRM at all: the sync finds contacts by email, so there has to be one. */
export function isSyncable(desired: DesiredState): boolean {
  return desired.fields.EMAIL1 !== undefined;
}
