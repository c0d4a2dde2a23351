import { userMessage as newMessage, type UserMessage } from '../../shared/sync/message.ts';

/** A message about a user, as diff-user sends it. */
export const userMessage = (userId: string, more: Partial<UserMessage> = {}): UserMessage => ({
  ...newMessage(userId, { cause: 'changed', changedAt: Date.parse('2026-06-15T12:00:00Z') }),
  ...more,
});
