import { type Catalog, managedTagIds, tagId } from '../../shared/infusionsoft/catalog/catalog.ts';
import { resolveFields, usableFields } from '../../shared/infusionsoft/catalog/resolve-fields.ts';
import { desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { planFields, planTags } from '../../shared/sync/plan.ts';
import { singleRequests, type TagChange } from '../../shared/sync/tag-cost.ts';
import { type Mapping, managedFields } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { BackfillInput } from './input.ts';

/** What a user needs: nothing, more than the CRM takes, or something to be done. */
export type Need = { kind: 'none' } | { kind: 'rejected'; reason: string } | ({ kind: 'work' } & Work);

/** What is to be done for a user. */
interface Work {
  creates: boolean;
  updates: boolean;
  /** Requests for the contact, and for its tags where they are not changed together with others'. */
  requests: number;
  /** What changes of its tags, by id or, before ids are known, by name. Undefined where the message about the user does it. */
  tags: TagChange<number | string> | undefined;
}

const NONE: Need = { kind: 'none' };

export interface NeedContext {
  mapping: Mapping;
  mode: BackfillInput['mode'];
  /** Ids of tags, or undefined before the first sync of all: then every tag counts as missing. */
  catalog: Catalog | undefined;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Whether a mode concerns a user, and what the consumer will do for it: the same plan that it makes itself, so users who are
 * right already cost neither a message nor a request. Tags alone are left to be changed together with others'; so are those of a new
 * contact, once it is there. Pure.
 */
export function needOf(user: User, context: NeedContext): Need {
  const { mapping, mode, now } = context;
  const { contactId, tagIds } = user.crm ?? {};
  const concerned = {
    // An earlier run may have ended between a contact and its tags.
    contacts: !contactId || tagIds === undefined,
    tags: contactId !== undefined && !tagIds?.length,
    refresh: mapping.isActive(user, now),
  }[mode];
  return concerned ? workOf(user, context) : NONE;
}

/** What a user needs, whatever the mode: nothing once the consumer is done with it. Pure. */
export function workOf(user: User, { mapping, catalog, now }: Omit<NeedContext, 'mode'>): Need {
  const { contactId, tagIds, uncertainTagIds, fingerprint = {} } = user.crm ?? {};
  const wanted = desiredState(mapping, user, now);
  const desired = catalog ? resolveFields(wanted, catalog, mapping) : wanted;
  if (!isSyncable(desired)) return { kind: 'rejected', reason: 'no-usable-email' };

  const { remove, add } = catalog
    ? planTags(
        desired.tags.map((name) => tagId(catalog, name)),
        { applied: tagIds ?? [], uncertain: uncertainTagIds },
        managedTagIds(catalog),
      )
    : { remove: [], add: desired.tags };
  const tags = { remove, add };
  if (!contactId) return { kind: 'work', creates: true, updates: false, requests: 1, tags };
  const managed = catalog ? usableFields(mapping, catalog) : managedFields(mapping);
  const fields = planFields(desired.fields, fingerprint, managed);
  if (Object.keys(fields.write).length + fields.clear.length > 0) {
    const requests = 1 + singleRequests(tags);
    return { kind: 'work', creates: false, updates: true, requests, tags: undefined };
  }
  if (singleRequests(tags) === 0) return NONE;
  return { kind: 'work', creates: false, updates: false, requests: 0, tags };
}
