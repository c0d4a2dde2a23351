import { describe, expect, it } from 'vitest';
import { type DeadLetter, type ExpectedDeadLetters, explainDeadLetters } from '../dead-letters.ts';

const queue = 'DeadLetterQueueUrl';
const letter = (userId: string, reason: string | undefined = 'no-usable-email'): DeadLetter => ({
  queue,
  userId,
  reason,
});
const expected: ExpectedDeadLetters = { 'no-usable-email': new Set(['ann']) };

describe('the check of dead letters', () => {
  it.each<[string, DeadLetter[], ExpectedDeadLetters, number, string[]]>([
    ['reports nothing when no letter exists or is expected', [], {}, 0, []],
    ['explains the expected letter', [letter('ann')], expected, 1, []],
    ['reports an expected letter that is missing', [], expected, 0, ['no dead letter: ann no-usable-email']],
    [
      'reports a second letter with one cause',
      [letter('ann'), letter('ann')],
      expected,
      1,
      [`${queue}: ann no-usable-email`],
    ],
    [
      'reports a letter of another user',
      [letter('ann'), letter('bob')],
      expected,
      1,
      [`${queue}: bob no-usable-email`],
    ],
    [
      'reports another reason',
      [letter('ann'), letter('ann', 'contact-of-another-user')],
      expected,
      1,
      [`${queue}: ann contact-of-another-user`],
    ],
    [
      'reports a letter without a reason',
      [{ queue, userId: 'ann', reason: undefined }],
      {},
      0,
      [`${queue}: ann no reason`],
    ],
  ])('%s', (_, letters, limits, explained, unexplained) => {
    expect(explainDeadLetters(letters, limits)).toEqual({ explained, unexplained });
  });
});
