import { describe, expect, it } from 'vitest';
import { type DeadLetter, type ExpectedDeadLetters, explainDeadLetters } from '../dead-letters.ts';

const queue = 'DeadLetterQueueUrl';
const letter = (userId: string, reason: string | undefined = 'no-usable-email'): DeadLetter => ({
  queue,
  userId,
  reason,
});
const expected = (least: number, most: number): ExpectedDeadLetters => ({
  'no-usable-email': new Map([['ann', { least, most }]]),
});

describe('dead letters', () => {
  it.each<[string, DeadLetter[], ExpectedDeadLetters, number, string[]]>([
    ['none, and none is expected', [], {}, 0, []],
    ['as many as expected at most', [letter('ann'), letter('ann')], expected(1, 2), 2, []],
    ['none, if the user may have none', [], expected(0, 2), 0, []],
    ['none, although one is expected', [], expected(1, 2), 0, ['no dead letter: ann no-usable-email']],
    [
      'more than expected',
      [letter('ann'), letter('ann')],
      expected(0, 1),
      1,
      [`${queue}: ann no-usable-email`],
    ],
    ['of another user', [letter('bob')], expected(0, 1), 0, [`${queue}: bob no-usable-email`]],
    [
      'with another reason',
      [letter('ann', 'contact-of-another-user')],
      expected(0, 1),
      0,
      [`${queue}: ann contact-of-another-user`],
    ],
    ['without a reason', [{ queue, userId: 'ann', reason: undefined }], {}, 0, [`${queue}: ann no reason`]],
  ])('%s', (_, letters, limits, explained, unexplained) => {
    expect(explainDeadLetters(letters, limits)).toEqual({ explained, unexplained });
  });
});
