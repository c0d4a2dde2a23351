import fc from 'fast-check';
import { expect, it } from 'vitest';
import { percentile } from '../../../../infra/cli/support/percentile.ts';

it.each([
  [0, 1],
  [0.5, 2],
  [0.51, 3],
  [0.99, 4],
  [1, 4],
])('%d of 1 to 4 is %d', (part, expected) => {
  expect(percentile([4, 2, 1, 3], part)).toBe(expected);
});

it('is one of the values, and that part of them is not larger', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, part) => {
        const value = percentile(values, part);
        expect(values).toContain(value);
        expect(values.filter((each) => each <= value).length).toBeGreaterThanOrEqual(
          part * values.length - 1e-9,
        );
      },
    ),
  );
});

it('of no values throws', () => {
  expect(() => percentile([], 0.5)).toThrow(RangeError);
});
