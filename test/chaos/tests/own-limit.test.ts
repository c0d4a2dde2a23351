import { expect, it } from 'vitest';
import { OwnLimit } from '../own-limit.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MARGIN = 25;
const OTHERS = { second: 25, minute: 1500, month: null };
const times = (count: number, from = NOON - 3_600_000) =>
  Array.from({ length: count }, (_, index) => from + index);

function limitOf(requests: number): OwnLimit {
  const limit = new OwnLimit(OTHERS);
  limit.raise(requests);
  return limit;
}

it('the daily limit of a run is the usable requests plus the margin of the sync, and never goes down', () => {
  const limit = limitOf(100);
  expect(limit.limits).toEqual({ ...OTHERS, day: 100 + MARGIN });
  limit.raise(50);
  expect(limit.limits.day).toBe(100 + MARGIN);
});

it.each([
  ['is not exceeded by as many requests', 100, 0],
  ['is exceeded by one more request', 101, 1],
])('the daily limit of a run %s', (_, requests, passedBy) => {
  const limit = limitOf(100);
  expect(limit.check(times(requests), NOON)).toBe(requests);
  expect(limit.passedBy).toBe(passedBy);
});

it('the daily limit of a run stays exceeded after it is raised', () => {
  const limit = limitOf(100);
  limit.check(times(103), NOON);
  limit.raise(1000);
  limit.check(times(103), NOON);
  expect(limit.passedBy).toBe(3);
});

it('counts the requests since midnight (UTC) only', () => {
  const limit = limitOf(100);
  const yesterday = times(100, Date.parse('2026-06-14T23:00:00Z'));
  expect(limit.check([...yesterday, ...times(100)], NOON)).toBe(100);
  expect(limit.passedBy).toBe(0);
});

it('counts how often the limit was reached, with the requests that environments hold', () => {
  const limit = limitOf(100);
  limit.check(times(89), NOON, 10);
  expect(limit.reached).toBe(0);
  limit.check(times(90), NOON, 10);
  limit.check(times(100), NOON);
  expect(limit.reached).toBe(2);
});
