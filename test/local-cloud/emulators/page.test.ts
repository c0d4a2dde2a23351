import { expect, it } from 'vitest';
import { pageOf } from './step-functions.ts';

it('pages through a list, oldest first', () => {
  expect(pageOf(5, { maxResults: 3 })).toEqual({ positions: [0, 1, 2], nextToken: '3' });
  expect(pageOf(5, { maxResults: 3, nextToken: '3' })).toEqual({ positions: [3, 4] });
});

it('pages through a list, newest first, without repeats when it grows', () => {
  const newest = { maxResults: 2, reverseOrder: true };
  expect(pageOf(5, newest)).toEqual({ positions: [4, 3], nextToken: '2' });
  expect(pageOf(9, { ...newest, nextToken: '2' })).toEqual({ positions: [2, 1], nextToken: '0' });
  expect(pageOf(9, { ...newest, nextToken: '0' })).toEqual({ positions: [0] });
});

it('has 100 entries by default', () => {
  expect(pageOf(250, {}).positions).toHaveLength(100);
  expect(pageOf(250, { maxResults: 0 }).positions).toHaveLength(100);
  expect(pageOf(0, {})).toEqual({ positions: [] });
});

it.each(['x', '-1', '5', '1.5'])('rejects the token %s', (nextToken) => {
  expect(() => pageOf(5, { nextToken })).toThrow('Invalid Token');
});
