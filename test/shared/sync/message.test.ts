import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageGroupOf, messageSchema, userMessage } from '../../../shared/sync/message.ts';

it('the message group of a Cognito sub is the sub', () => {
  expect(messageGroupOf('5f0c3a2e-1b7d-4c1a-9a53-0d3c2b1a4f5e')).toBe('5f0c3a2e-1b7d-4c1a-9a53-0d3c2b1a4f5e');
});

it('the message group of any user id is valid in SQS, and always the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (userId) => {
      expect(messageGroupOf(userId)).toMatch(/^[!-~]{1,128}$/);
      expect(messageGroupOf(userId)).toBe(messageGroupOf(userId));
    }),
  );
});

describe('a message to sync a user', () => {
  it('names the user, the cause and the time', () => {
    const message = userMessage('ann', { cause: 'resync', changedAt: Date.parse('2026-06-15T12:00:00Z') });
    expect(message).toEqual({
      version: 1,
      kind: 'user',
      userId: 'ann',
      cause: 'resync',
      changedAt: '2026-06-15T12:00:00.000Z',
      fields: [],
      tagsAdded: [],
      tagsRemoved: [],
    });
    expect(messageSchema.parse(message)).toEqual(message);
  });

  it('has what else is known', () => {
    const more = { cause: 'deleted', fields: ['EMAIL1'], contactId: 7, withdrawn: true } as const;
    const message = userMessage('ann', { ...more, fields: [...more.fields], changedAt: 0 });
    expect(message).toMatchObject({ ...more, tagsAdded: [], tagsRemoved: [] });
    expect(messageSchema.parse(message)).toEqual(message);
  });
});
