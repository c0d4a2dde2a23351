import { expect, it } from 'vitest';
import { memoize } from '../../../shared/user/memoize.ts';

it('works an answer out once, also one that is undefined', () => {
  const asked: string[] = [];
  const answer = memoize((text) => {
    asked.push(text);
    return text === 'nothing' ? undefined : text.length;
  });
  expect([answer('four'), answer('four'), answer('nothing'), answer('nothing')]).toEqual([
    4,
    4,
    undefined,
    undefined,
  ]);
  expect(asked).toEqual(['four', 'nothing']);
});

it('forgets when it knows too many', () => {
  let worked = 0;
  const answer = memoize(() => ++worked);
  for (let text = 0; text < 5000; text++) answer(String(text));
  expect(answer('4999')).toBe(5000);
  expect(answer('0')).toBe(5001);
});
