import type { UserMessage } from '../../shared/sync/message.ts';

/** A message about a user, as diff-user sends it. */
export function userMessage(userId: string, more: Partial<UserMessage> = {}): UserMessage {
  return {
    version: 1,
    kind: 'user',
    userId,
    cause: 'changed',
    changedAt: '2026-06-15T12:00:00.000Z',
    fields: [],
    tagsAdded: [],
    tagsRemoved: [],
    ...more,
  };
}
