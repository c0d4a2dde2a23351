import { describe, expect, it } from 'vitest';
import { type DeadLetter, type ExpectedDeadLetters, explainDeadLetters } from '../dead-letters.ts';

const queue = 'DeadLetterQueueUrl';
const letter = (userId: string, reason: string | undefined = 'no-usable-email'): DeadLetter => ({
  queue,
  userId,
  reason,
});
const expected: ExpectedDeadLetters = { 'no-usable-email': new Set(['ann']) };

describe('dead letters', () => {
  it.each<[string, DeadLetter[], ExpectedDeadLetters, number, string[]]>([
    ['none, and none is expected', [], {}, 0, []],
    ['the expected one', [letter('ann')], expected, 1, []],
    ['none, although one is expected', [], expected, 0, ['no dead letter: ann no-usable-email']],
    [
      'a second one of one cause',
      [letter('ann'), letter('ann')],
      expected,
      1,
      [`${queue}: ann no-usable-email`],
    ],
    ['of another user', [letter('ann'), letter('bob')], expected, 1, [`${queue}: bob no-usable-email`]],
    [
      'with another reason',
      [letter('ann'), letter('ann', 'contact-of-another-user')],
      expected,
      1,
      [`${queue}: ann contact-of-another-user`],
    ],
    ['without a reason', [{ queue, userId: 'ann', reason: undefined }], {}, 0, [`${queue}: ann no reason`]],
  ])('%s', (_, letters, limits, explained, unexplained) => {
    expect(explainDeadLetters(letters, limits)).toEqual({ explained, unexplained });
  });
});
