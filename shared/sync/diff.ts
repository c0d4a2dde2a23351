import equal from 'fast-deep-equal';
import type { Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import { desiredTags, type RawField, rawFields } from './desired-state.ts';

/** Name of the consent to marketing among the fields of a difference. */
export const CONSENT = 'marketingConsent';

/** What differs between two states of a user in the CRM: names of fields and tags, never values. */
export interface Diff {
  fields: string[];
  tagsAdded: string[];
  tagsRemoved: string[];
}

/**
 * Compares the desired state of a user before and after a change. It compares raw values first: most changes leave most fields as they are,
 * and equal raw values are equal in the CRM's form.
 *
 * @param now epoch milliseconds, for both states.
 */
export function diff(mapping: Mapping, before: User, after: User, now: number): Diff {
  const earlier = rawFields(mapping, before);
  // Normalisation of some values depends on the locale.
  const sameLocale = before.locale === after.locale;
  const differs = (field: RawField, index: number): boolean => {
    const other = earlier[index];
    if (!other || (sameLocale && equal(field.raw, other.raw))) return false;
    return crmValueOf(field) !== crmValueOf(other);
  };
  const tagsBefore = desiredTags(mapping, before, now);
  const tagsAfter = desiredTags(mapping, after, now);
  const consent = mapping.marketingConsent?.given(after);
  const hasConsentChanged = consent !== undefined && consent !== mapping.marketingConsent?.given(before);
  return {
    fields: [
      ...rawFields(mapping, after)
        .filter(differs)
        .map(({ key }) => key),
      ...(hasConsentChanged ? [CONSENT] : []),
    ],
    tagsAdded: tagsAfter.filter((tag) => !tagsBefore.includes(tag)),
    tagsRemoved: tagsBefore.filter((tag) => !tagsAfter.includes(tag)),
  };
}

function crmValueOf(field: RawField): string | undefined {
  const normalised = field.normalised();
  return normalised && 'value' in normalised ? normalised.value : undefined;
}

/** Whether nothing differs. */
export function isEmpty({ fields, tagsAdded, tagsRemoved }: Diff): boolean {
  return fields.length + tagsAdded.length + tagsRemoved.length === 0;
}
