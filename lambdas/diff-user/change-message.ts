import { desiredState, desiredTags } from '../../shared/sync/desired-state.ts';
import { diff, isEmpty } from '../../shared/sync/diff.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';

/** A change of one item of the user table. At least one of the two images is defined. */
export interface UserChange {
  before: User | undefined;
  after: User | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * The message about a change of a user, or undefined if the change does not affect the CRM, such as the sync's own write-back.
 *
 * @param now epoch milliseconds. Both images are evaluated at the same time, so a tag that depends on time is not a difference.
 */
export function changeMessage(
  mapping: Mapping,
  { before, after, at }: UserChange,
  now: number,
): UserMessage | undefined {
  const user = after ?? before;
  if (!user) return undefined;
  const base = { version: 1, kind: 'user', userId: user.userId, changedAt: at } as const;
  const allFieldsAndTags = () => {
    const { fields, tags } = desiredState(mapping, user, now);
    return { fields: Object.keys(fields), tagsAdded: [...tags], tagsRemoved: [] };
  };

  if (!after) {
    const { contactId, lease } = before?.crm ?? {};
    const tagsRemoved = desiredTags(mapping, user, now);
    return {
      ...base,
      fields: [],
      tagsAdded: [mapping.deletedTag.name],
      tagsRemoved,
      cause: 'deleted',
      ...(contactId && { contactId }),
      ...(contactId && lease && { notBefore: lease.until }),
    };
  }
  if (!before) return { ...base, ...allFieldsAndTags(), cause: 'created' };
  // Someone removed the sync's own data. That may be of a user without a contact, whom the CRM had refused.
  const isReset = before.crm && (!after.crm || (before.crm.contactId && !after.crm.contactId));
  if (isReset) return { ...base, ...allFieldsAndTags(), cause: 'resync' };
  const difference = diff(mapping, before, after, now);
  return isEmpty(difference) ? undefined : { ...base, ...difference, cause: 'changed' };
}
