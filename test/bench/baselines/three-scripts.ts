import type { User } from '../../../shared/user/user.ts';
import type { PlainCrm } from '../baseline/plain-crm.ts';

/** A user whose tags are set anew, and how it was when they were set last. */
export interface Refreshed {
  before: User;
  after: User;
}

/**
 * What a team writes that has to have this done by Friday: three scripts that go through the table, one user after another. They know
 * contacts by the id that the first of them noted.
 */
export function threeScripts(crm: PlainCrm) {
  const contactIds = new Map<string, number>();
  const contactIdOf = ({ userId }: User): number => {
    const contactId = contactIds.get(userId);
    if (contactId === undefined) throw new Error(`The first script has not seen ${userId}`);
    return contactId;
  };
  return {
    /** Searches each user by email, and creates or updates its contact. */
    async contacts(users: readonly User[]): Promise<void> {
      for (const user of users) {
        const wanted = crm.wanted(user);
        const existing = await crm.search(wanted.email);
        if (existing !== undefined) await crm.update(existing, wanted);
        contactIds.set(user.userId, existing ?? (await crm.create(wanted)));
      }
    },
    /** Puts the tags of each user on. */
    async tags(users: readonly User[]): Promise<void> {
      for (const user of users) await crm.applyTags(contactIdOf(user), crm.wanted(user).tagIds);
    },
    /** Takes the tags of each user off, and puts those of today on. */
    async refresh(users: readonly Refreshed[]): Promise<void> {
      for (const { before, after } of users) {
        await crm.removeTags(contactIdOf(after), crm.wanted(before).tagIds);
        await crm.applyTags(contactIdOf(after), crm.wanted(after).tagIds);
      }
    },
  };
}
