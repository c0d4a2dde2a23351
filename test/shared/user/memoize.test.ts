import { expect, it } from 'vitest';
import { memoize } from '../../../shared/user/memoize.ts';

it('computes each result once, also an undefined one', () => {
  const computed: string[] = [];
  const lengthOf = memoize((text) => {
    computed.push(text);
    return text === 'nothing' ? undefined : text.length;
  });
  expect([lengthOf('four'), lengthOf('four'), lengthOf('nothing'), lengthOf('nothing')]).toEqual([
    4,
    4,
    undefined,
    undefined,
  ]);
  expect(computed).toEqual(['four', 'nothing']);
});

it('empties a full cache', () => {
  let calls = 0;
  const count = memoize(() => ++calls);
  for (let text = 0; text < 5000; text++) count(String(text));
  expect(count('4999')).toBe(5000);
  expect(count('0')).toBe(5001);
});
