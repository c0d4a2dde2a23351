import equal from 'fast-deep-equal';
import type { Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import { type DesiredState, desiredTags, type RawField, rawFields } from './desired-state.ts';

/** What differs between two desired states, by name and never by value. */
export interface Diff {
  fields: string[];
  tagsAdded: string[];
  tagsRemoved: string[];
}

/** Compares what the CRM should show before and after a change. */
export function diff(before: DesiredState, after: DesiredState): Diff {
  const keys = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]) as Set<
    keyof DesiredState['fields']
  >;
  return {
    fields: [...keys].filter((key) => before.fields[key] !== after.fields[key]),
    ...diffOfTags(before.tags, after.tags),
  };
}

/**
 * What {@link diff} says of the desired states of a user before and after a change, without working both out: most changes leave most
 * fields as they are, and what is the same raw is the same in the CRM's form.
 *
 * @param now epoch milliseconds. Both are seen from the same moment.
 */
export function diffOfUsers(mapping: Mapping, before: User, after: User, now: number): Diff {
  const earlier = rawFields(mapping, before);
  // The form of some values depends on the locale.
  const sameForm = before.locale === after.locale;
  const differs = (field: RawField, index: number): boolean => {
    const other = earlier[index];
    if (!other || (sameForm && equal(field.raw, other.raw))) return false;
    return crmValueOf(field) !== crmValueOf(other);
  };
  return {
    fields: rawFields(mapping, after)
      .filter(differs)
      .map(({ key }) => key),
    ...diffOfTags(desiredTags(mapping, before, now), desiredTags(mapping, after, now)),
  };
}

function crmValueOf(field: RawField): string | undefined {
  const normalised = field.normalised();
  return normalised && 'value' in normalised ? normalised.value : undefined;
}

const diffOfTags = (before: readonly string[], after: readonly string[]) => ({
  tagsAdded: after.filter((tag) => !before.includes(tag)),
  tagsRemoved: before.filter((tag) => !after.includes(tag)),
});

/** Whether the CRM would show the same. */
export function isEmpty({ fields, tagsAdded, tagsRemoved }: Diff): boolean {
  return fields.length + tagsAdded.length + tagsRemoved.length === 0;
}
