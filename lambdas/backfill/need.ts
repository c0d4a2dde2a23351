import { type Catalog, managedTagIds, tagId } from '../../shared/infusionsoft/catalog.ts';
import { fitToAccount, usableFields } from '../../shared/infusionsoft/fit-to-account.ts';
import { desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { planFields, planTags } from '../../shared/sync/plan.ts';
import { type Mapping, managedFields } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { BackfillInput } from './input.ts';

/** What a user needs: nothing, more than the CRM takes, or so many requests. */
export type Need =
  | { kind: 'none' }
  | { kind: 'rejected'; reason: string }
  | { kind: 'requests'; creates: boolean; updates: boolean; tags: boolean; requests: number };

const NONE: Need = { kind: 'none' };

/** Decides for one user; pure. */
export interface NeedContext {
  mapping: Mapping;
  mode: BackfillInput['mode'];
  /** Ids of tags, or undefined before the first sync of all: then every tag counts as missing. */
  catalog: Catalog | undefined;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Whether a mode concerns a user, and the requests that the consumer will make for it: the same plan that it makes itself,
 * so users who are right already cost neither a message nor a request.
 */
export function needOf(user: User, { mapping, mode, catalog, now }: NeedContext): Need {
  const { contactId, tagIds = [], fingerprint = {} } = user.crm ?? {};
  const concerned = {
    contacts: !contactId,
    tags: contactId !== undefined && tagIds.length === 0,
    refresh: mapping.isActive(user, now),
  }[mode];
  if (!concerned) return NONE;
  const wanted = desiredState(mapping, user, now);
  const desired = catalog ? fitToAccount(wanted, catalog, mapping) : wanted;
  if (!isSyncable(desired)) return { kind: 'rejected', reason: 'no-usable-email' };

  const hasTags = desired.tags.length > 0;
  if (!contactId) {
    return { kind: 'requests', creates: true, updates: false, tags: hasTags, requests: 1 + Number(hasTags) };
  }
  const managed = catalog ? usableFields(mapping, catalog) : managedFields(mapping);
  const fields = planFields(desired.fields, fingerprint, managed);
  const updates = Object.keys(fields.write).length + fields.clear.length > 0;
  const { remove, add } = catalog
    ? planTags(
        desired.tags.map((name) => tagId(catalog, name)),
        { applied: tagIds },
        managedTagIds(catalog),
      )
    : { remove: [], add: desired.tags };
  const requests = Number(updates) + Number(remove.length > 0) + Number(add.length > 0);
  if (requests === 0) return NONE;
  return { kind: 'requests', creates: false, updates, tags: remove.length + add.length > 0, requests };
}
