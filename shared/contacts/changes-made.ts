import { isDeepStrictEqual } from 'node:util';
import type { CrmState } from '../user/user.ts';

/** What a sync did to a user's contact. `created`: made, or found by the email. */
export type ChangeMade = 'created' | 'updated' | 'tagged';

/** Tells it from what the sync keeps on the user, before and after. */
export function changesMade(before: CrmState, after: CrmState): ChangeMade[] {
  const isNew = after.contactId !== before.contactId;
  const tagged = !isDeepStrictEqual(new Set(after.tagIds), new Set(before.tagIds));
  const written = !isDeepStrictEqual(after.fingerprint, before.fingerprint);
  return [
    ...(isNew ? (['created'] as const) : written ? (['updated'] as const) : []),
    ...(tagged ? (['tagged'] as const) : []),
  ];
}
