import type { ForgetPolicy } from '../../lambdas/sync-contact/settings.ts';
import type { ErasureRecord } from '../store/erasure-records.ts';
import type { UserTable } from '../store/user-table.ts';
import type { ForgetMessage } from '../sync/message.ts';
import { type RetireDependencies, retireContact } from './retire-contact.ts';

export interface ForgetDependencies extends RetireDependencies {
  users: UserTable;
  forgetPolicy: ForgetPolicy;
}

/**
 * Forgets a person who has left the app: deletes or anonymises the contact, as the setting `forgetPolicy` says, and leaves a record of
 * ids and times, also of why it could not be done. It can be done twice.
 *
 * @returns what was done.
 * @throws RetryableError and RejectedError as the client does.
 */
export async function forgetUser(
  { userId, contactId: named, requestId }: ForgetMessage,
  dependencies: ForgetDependencies,
): Promise<ErasureRecord['done']> {
  const { users, erasureRecords, forgetPolicy: policy, now } = dependencies;
  const isUser = (await users.read(userId)) !== undefined;
  const contactId = named ?? (await erasureRecords.read(userId))?.contactId;
  const retire = async () => {
    if (isUser) return 'not-deleted';
    if (contactId === undefined) return 'no-contact';
    return retireContact({ contactId, userId, deletedAt: now(), policy }, dependencies);
  };
  const done = await retire();
  await erasureRecords.write({ userId, contactId, done, doneAt: new Date(now()).toISOString(), requestId });
  return done;
}
