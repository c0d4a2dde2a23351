import type { StandardField } from '../user/contact-fields.ts';
import type { Address, Choice, CustomKey, Mapping, Value } from '../user/define-mapping.ts';
import { normaliseCustom } from '../user/normalise-custom.ts';
import { normaliseStandard } from '../user/normalise-standard.ts';
import type { Normalised } from '../user/normalise-values.ts';
import type { Warning } from '../user/read-user.ts';
import type { User } from '../user/user.ts';

/** Values of the contact's fields in the CRM's form. Fields without a value are missing. */
export type ContactFields = Readonly<Partial<Record<StandardField, string>> & Record<CustomKey, string>>;

/** What the CRM should have for a user at a moment. */
export interface DesiredState {
  fields: ContactFields;
  /** Names of the managed tags that the contact should have, in the order of the mapping. */
  tags: readonly string[];
  /** Whether the person has consented to marketing; undefined if the app has not asked, or does not know. */
  consent?: boolean | undefined;
  /** Values that were corrected or left out. */
  warnings: readonly Warning[];
  /** Hashes of values that were left out because the CRM has refused them (`refused-fields.ts`). */
  refused?: Readonly<Record<string, string>>;
}

/** A field of the mapping with the user's value, before normalisation. */
export interface RawField {
  key: StandardField | CustomKey;
  raw: unknown;
  /** The value in the CRM's form; undefined if there is none. Never throws. */
  normalised(): Normalised | undefined;
}

/** All fields of the mapping, in its order, with the user's values. */
export function rawFields(mapping: Mapping, user: User): RawField[] {
  const sources = Object.entries(mapping.contact) as [StandardField, Value<string | Address> | Choice][];
  const standard = sources.map(([key, source]): RawField => {
    const raw = typeof source === 'function' ? source(user) : source.pick(user);
    return { key, raw, normalised: () => (hasValue(raw) ? normaliseStandard(key, raw, user) : undefined) };
  });
  const custom = Object.entries(mapping.customFields).map(([label, field]): RawField => {
    const raw = field.value(user);
    const normalised = () => (hasValue(raw) ? normaliseCustom(field, raw, user) : undefined);
    return { key: `custom_fields.${label}`, raw, normalised };
  });
  return [...standard, ...custom];
}

/** Names of the managed tags that a contact should have at a moment (`now` in epoch milliseconds), in the order of the mapping. */
export function desiredTags(mapping: Mapping, user: User, now: number): string[] {
  return mapping.tagGroups.map((group) => group.pick(user, now)).filter((tag) => tag !== undefined);
}

/**
 * Computes the desired state of a user: a pure function of the user and the moment.
 *
 * @param now epoch milliseconds: some tags depend on time alone.
 */
export function desiredState(mapping: Mapping, user: User, now: number): DesiredState {
  const fields: Partial<Record<StandardField, string>> & Record<CustomKey, string> = {};
  const warnings: Warning[] = [];
  for (const { key, normalised } of rawFields(mapping, user)) {
    const value = normalised();
    if (!value) continue;
    if ('dropped' in value) {
      warnings.push({ field: key, problem: `left out: ${value.dropped}` });
      continue;
    }
    fields[key] = value.value;
    if (value.changed) warnings.push({ field: key, problem: value.changed });
  }
  const consent = mapping.marketingConsent?.given(user);
  return {
    fields,
    tags: desiredTags(mapping, user, now),
    warnings,
    ...(consent !== undefined && { consent }),
  };
}

/**
 * The desired state of another user than the one a sync is about. Undefined if the mapping throws for that user, whose own sync reports it.
 *
 * @param now epoch milliseconds.
 */
export function desiredStateOfOther(mapping: Mapping, user: User, now: number): DesiredState | undefined {
  try {
    return desiredState(mapping, user, now);
  } catch {
    return undefined;
  }
}

/** Whether there is a value: an empty text is none, and neither is a list or an address of empty texts only. */
function hasValue<Raw>(raw: Raw | undefined): raw is Raw {
  if (raw === undefined) return false;
  if (typeof raw === 'object' && raw !== null) return Object.values(raw).some(hasValue);
  return String(raw).trim() !== '';
}

/** Whether a user can be in the CRM at all: the sync finds contacts by email, so an email is needed. */
export function isSyncable({ fields }: DesiredState): boolean {
  return fields.EMAIL1 !== undefined;
}

/**
 * Whether a user has no email yet, or only an empty one. That is no failure: the change that adds an email starts a sync. A user who is
 * neither syncable nor without an email has one that no CRM could take, and is rejected (`no-usable-email`).
 */
export function hasNoEmailYet(desired: DesiredState): boolean {
  return !isSyncable(desired) && !desired.warnings.some(({ field }) => field === 'EMAIL1');
}
