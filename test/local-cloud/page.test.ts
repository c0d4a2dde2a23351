import { expect, it } from 'vitest';
import { pageOf } from './emulators/page.ts';

it('goes through a list from its beginning', () => {
  expect(pageOf(5, { maxResults: 3 })).toEqual({ positions: [0, 1, 2], nextToken: '3' });
  expect(pageOf(5, { maxResults: 3, nextToken: '3' })).toEqual({ positions: [3, 4] });
});

it('goes through a list from its end, and repeats nothing when it grows', () => {
  const newest = { maxResults: 2, reverseOrder: true };
  expect(pageOf(5, newest)).toEqual({ positions: [4, 3], nextToken: '2' });
  expect(pageOf(9, { ...newest, nextToken: '2' })).toEqual({ positions: [2, 1], nextToken: '0' });
  expect(pageOf(9, { ...newest, nextToken: '0' })).toEqual({ positions: [0] });
});

it('holds a hundred when it is not told how many', () => {
  expect(pageOf(250, {}).positions).toHaveLength(100);
  expect(pageOf(250, { maxResults: 0 }).positions).toHaveLength(100);
  expect(pageOf(0, {})).toEqual({ positions: [] });
});

it.each(['x', '-1', '5', '1.5'])('refuses the token %s', (nextToken) => {
  expect(() => pageOf(5, { nextToken })).toThrow('Invalid Token');
});
