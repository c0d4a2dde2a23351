import { desiredState, desiredTags } from '../../shared/sync/desired-state.ts';
import { diff, isEmpty } from '../../shared/sync/diff.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';

/** A change of one item of the user table. At least one of the two images is there. */
export interface UserChange {
  before: User | undefined;
  after: User | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * The message that a change calls for, or nothing when the CRM would show the same: the sync's own write-back, say.
 *
 * @param now epoch milliseconds. Both images are seen from the same moment, so that time alone is no change.
 */
export function changeMessage(
  mapping: Mapping,
  { before, after, at }: UserChange,
  now: number,
): UserMessage | undefined {
  const user = after ?? before;
  if (!user) return undefined;
  const base = { version: 1, kind: 'user', userId: user.userId, changedAt: at } as const;
  const everything = () => {
    const { fields, tags } = desiredState(mapping, user, now);
    return { fields: Object.keys(fields), tagsAdded: [...tags], tagsRemoved: [] };
  };

  if (!after) {
    const { contactId, lease } = before?.crm ?? {};
    const tagsRemoved = desiredTags(mapping, user, now);
    const gone = { fields: [], tagsAdded: [mapping.deletedTag.name], tagsRemoved };
    return {
      ...base,
      ...gone,
      cause: 'deleted',
      ...(contactId && { contactId }),
      ...(contactId && lease && { notBefore: lease.until }),
    };
  }
  if (!before) return { ...base, ...everything(), cause: 'created' };
  // Also of a user whom the CRM had refused, and who has no contact.
  const isForgotten = before.crm && (!after.crm || (before.crm.contactId && !after.crm.contactId));
  if (isForgotten) return { ...base, ...everything(), cause: 'resync' };
  const difference = diff(mapping, before, after, now);
  return isEmpty(difference) ? undefined : { ...base, ...difference, cause: 'changed' };
}
