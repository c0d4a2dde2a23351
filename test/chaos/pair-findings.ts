import { desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { type Mapping, managedTags } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { ShownContact } from '../demo/crm-account.ts';
import { pathsOf } from '../demo/shown-path.ts';
import { OWNER_PATH } from '../demo/verify.ts';

/**
 * A contact that is wrong when all users are compared. `shared`: two users have it, or it has the data of two users. `orphan`: it looks like
 * the contact of a user, and no user has it.
 */
export interface PairFinding {
  kind: 'shared' | 'orphan';
  contactId: number;
  text: string;
}

export interface PairFindingsInput {
  /** Users of the table. */
  users: readonly User[];
  contacts: readonly ShownContact[];
  /** Ids of users for whom an erasure was requested. */
  forgotten: ReadonlySet<string>;
  /** Ids of contacts whose tags are ignored: a person merged a user's contact into them, and kept nothing that names the user. */
  untraceable: ReadonlySet<number>;
  /** Ids of users with an earlier account, whose contact stays, marked as deleted. */
  recreated: ReadonlySet<string>;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: number;
}

/** Whether a contact is that of a deleted user: of the managed tags, it has only the deleted tag. It keeps its values, also the email. */
export function isRetired({ tags }: ShownContact, mapping: Mapping): boolean {
  const held = managedTags(mapping).filter((tag) => tags.has(tag));
  return held.length === 1 && held[0] === mapping.deletedTag.name;
}

/** Contacts whose first email is also that of another contact, not counting the first of each. */
export function countDoubled(contacts: readonly ShownContact[]): number {
  const emails = contacts.flatMap(({ values }) => values.get('email_addresses.EMAIL1')?.toLowerCase() ?? []);
  return emails.length - new Set(emails).size;
}

/** Fields whose value belongs to one person. Values of other fields are the same for many. */
const PERSONAL_FIELDS = ['EMAIL1', 'PHONE1'] as const;

/**
 * Finds contacts that two users share, and contacts that should have a user and have none. A contact is connected with a user if the
 * user's item names the contact, the contact names the user, or the contact has the user's email or phone number.
 *
 * The other emails of a contact are ignored: the sync does not manage them, and people merge contacts by hand.
 */
export function pairFindings({
  users,
  contacts,
  forgotten,
  untraceable,
  recreated,
  mapping,
  now,
}: PairFindingsInput): PairFinding[] {
  const desired = new Map(users.map((user) => [user.userId, desiredState(mapping, user, now)]));
  const holders = Map.groupBy(users, ({ crm }) => crm?.contactId);
  const byValue = PERSONAL_FIELDS.map((field) => ({
    field,
    users: Map.groupBy(users, ({ userId }) => desired.get(userId)?.fields[field]?.toLowerCase()),
  }));
  const managed = managedTags(mapping);

  const connections = (contact: ShownContact): Map<string, string[]> => {
    const { id, values } = contact;
    const found = new Map<string, string[]>();
    // Another user may have got the email of a user who was deleted, who may have come back.
    if (isRetired(contact, mapping) && !holders.has(id)) return found;
    const connect = (userId: string, how: string) => found.set(userId, [...(found.get(userId) ?? []), how]);
    for (const { userId } of holders.get(id) ?? []) connect(userId, 'is its user');
    const named = values.get(OWNER_PATH);
    if (named !== undefined && desired.has(named)) connect(named, 'is named by it');
    for (const { field, users: byText } of byValue) {
      const value = values.get(pathsOf(field)[0] ?? field)?.toLowerCase();
      const withValue = value === undefined ? [] : (byText.get(value) ?? []);
      // Two users can have the same value. That is no finding if one of them is connected with the contact already.
      if (withValue.some(({ userId }) => found.has(userId))) continue;
      for (const { userId } of withValue) connect(userId, `has its ${field}`);
    }
    return found;
  };

  const whyOrphan = (contact: ShownContact): string | undefined => {
    const { id, values, tags } = contact;
    const named = values.get(OWNER_PATH);
    const held = managed.filter((tag) => tags.has(tag));
    const isMarked = isRetired(contact, mapping);
    if (named === undefined) {
      const mayHave = held.length === 0 || isMarked || untraceable.has(id);
      return mayHave ? undefined : `has the tags ${held.join(', ')} and no user`;
    }
    if (forgotten.has(named) && !desired.has(named)) return `names the forgotten user ${named}`;
    const user = desired.get(named);
    if (isMarked && recreated.has(named)) return undefined;
    if (!user) return isMarked ? undefined : `names the deleted user ${named} and is not marked as deleted`;
    // A user without a usable email cannot be synced and keeps what there is.
    return isSyncable(user) ? `names user ${named}, who has another contact or none` : undefined;
  };

  return contacts.flatMap((contact): PairFinding[] => {
    const contactId = contact.id;
    const connected = connections(contact);
    const text = [...connected].map(([userId, how]) => `user ${userId} ${how.join(' and ')}`).join('; ');
    const findings: PairFinding[] = connected.size > 1 ? [{ kind: 'shared', contactId, text }] : [];
    const why = holders.has(contactId) ? undefined : whyOrphan(contact);
    return why === undefined ? findings : [...findings, { kind: 'orphan', contactId, text: why }];
  });
}
