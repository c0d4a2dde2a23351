import equal from 'fast-deep-equal';
import type { Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import { desiredTags, type RawField, rawFields } from './desired-state.ts';

/** What differs between two states of a user in the CRM, by name and never by value. */
export interface Diff {
  fields: string[];
  tagsAdded: string[];
  tagsRemoved: string[];
}

/**
 * Compares what the CRM should show of a user before and after a change, without working both out: most changes leave most
 * fields as they are, and what is the same raw is the same in the CRM's form.
 *
 * @param now epoch milliseconds. Both are seen from the same moment.
 */
export function diff(mapping: Mapping, before: User, after: User, now: number): Diff {
  const earlier = rawFields(mapping, before);
  // The form of some values depends on the locale.
  const sameForm = before.locale === after.locale;
  const differs = (field: RawField, index: number): boolean => {
    const other = earlier[index];
    if (!other || (sameForm && equal(field.raw, other.raw))) return false;
    return crmValueOf(field) !== crmValueOf(other);
  };
  const tagsBefore = desiredTags(mapping, before, now);
  const tagsAfter = desiredTags(mapping, after, now);
  return {
    fields: rawFields(mapping, after)
      .filter(differs)
      .map(({ key }) => key),
    tagsAdded: tagsAfter.filter((tag) => !tagsBefore.includes(tag)),
    tagsRemoved: tagsBefore.filter((tag) => !tagsAfter.includes(tag)),
  };
}

function crmValueOf(field: RawField): string | undefined {
  const normalised = field.normalised();
  return normalised && 'value' in normalised ? normalised.value : undefined;
}

/** Whether the CRM would show the same. */
export function isEmpty({ fields, tagsAdded, tagsRemoved }: Diff): boolean {
  return fields.length + tagsAdded.length + tagsRemoved.length === 0;
}
