import { type Catalog, hashRequirements } from '../../shared/infusionsoft/catalog/catalog.ts';
import { desiredState } from '../../shared/sync/desired-state.ts';
import { fingerprintOf } from '../../shared/sync/plan.ts';
import { type Mapping, managedTags } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import type { User } from '../../shared/user/user.ts';

export const NOON = Date.parse('2026-06-15T12:00:00Z');
/** A catalog with all tags and fields of a mapping. */
export const catalogOf = (mapping: Mapping): Catalog => ({
  tags: Object.fromEntries(managedTags(mapping).map((name, index) => [name.toLowerCase(), index + 1])),
  customFields: Object.fromEntries(
    Object.keys(mapping.customFields).map((label, index) => [label.toLowerCase(), index + 1]),
  ),
  unusable: [],
  problems: [],
  requirementsHash: hashRequirements(requirementsOf(mapping)),
  refreshedAt: new Date(NOON).toISOString(),
});
export const CATALOG = catalogOf(defaultMapping);

/** A user who was never synced. */
export const fresh = (index: number): User => ({
  userId: String(index),
  email: `user${index}@example.com`,
  subscription: { status: 'active' },
  lastActiveAt: new Date(NOON).toISOString(),
});
/** A user who is up to date. */
export function synced(user: User, now = NOON, mapping = defaultMapping, catalog = CATALOG): User {
  const { fields, tags } = desiredState(mapping, user, now);
  const tagIds = tags.map((name) => catalog.tags[name.toLowerCase()] ?? 0).sort((a, b) => a - b);
  return { ...user, crm: { contactId: 7, tagIds, fingerprint: { ...fingerprintOf(fields) } } };
}

/** The mapping, with functions that throw for one user and quote the user's data. */
export function failingFor(userId: string): Mapping {
  const check = (user: User) => {
    if (user.userId === userId) throw new TypeError(`No value for ${user.email}`);
  };
  return {
    ...defaultMapping,
    contact: {
      ...defaultMapping.contact,
      given_name: (user: User) => {
        check(user);
        return user.firstName;
      },
    },
    isActive: (user, now) => {
      check(user);
      return defaultMapping.isActive(user, now);
    },
  };
}
