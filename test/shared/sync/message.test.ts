import fc from 'fast-check';
import { expect, it } from 'vitest';
import { messageGroupOf } from '../../../shared/sync/message.ts';

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
