import type { Address, Choice, CustomKey, Mapping, StandardField, Value } from '../user/define-mapping.ts';
import { normaliseStandard } from '../user/normalise.ts';
import { normaliseCustom } from '../user/normalise-custom.ts';
import type { Normalised } from '../user/normalised.ts';
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

  const sources = Object.entries(mapping.contact) as [StandardField, Value<string | Address> | Choice][];
  for (const [field, source] of sources) {
    const raw = typeof source === 'function' ? source(user) : source.pick(user);
    if (hasValue(raw)) take(field, normaliseStandard(field, raw, user));
  }
  for (const [label, field] of Object.entries(mapping.customFields)) {
    const raw = field.value(user);
    if (hasValue(raw)) take(`custom_fields.${label}`, normaliseCustom(field, raw, user));
  }
  const tags = mapping.tagGroups.map((group) => group.pick(user, now)).filter((tag) => tag !== undefined);
  return { fields, tags, warnings };
}

/** An empty text, list or address is no value. */
function hasValue<Raw>(raw: Raw | undefined): raw is Raw {
  if (raw === undefined) return false;
  if (Array.isArray(raw)) return raw.length > 0;
  if (typeof raw === 'object' && raw !== null) return Object.values(raw).some(hasValue);
  return String(raw).trim() !== '';
}

/** Whether a user can be in the CRM at all: the sync finds contacts by email, so there has to be one. */
export function isSyncable(desired: DesiredState): boolean {
  return desired.fields.EMAIL1 !== undefined;
}
