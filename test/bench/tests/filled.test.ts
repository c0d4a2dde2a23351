import { expect, it } from 'vitest';
import { pooled } from '../measure/filled.ts';

it('weighs refusals by requests, and tells the most of a second', () => {
  expect(
    pooled([
      { requests: 100, refusedPart: 0.1, utilisation: 0.9, maxArrivalsInAnySecond: 25 },
      { requests: 300, refusedPart: 0, utilisation: 1, maxArrivalsInAnySecond: 27 },
    ]),
  ).toEqual({ requests: 400, refusedPart: 0.025, utilisation: 0.95, maxArrivalsInAnySecond: 27 });
});
