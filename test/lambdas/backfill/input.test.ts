import { describe, expect, it } from 'vitest';
import { InvalidInputError, parseInput } from '../../../lambdas/backfill/input.ts';

describe('the input of a backfill', () => {
  it('defaults to a backfill of contacts', () => {
    expect(parseInput({})).toEqual({
      mode: 'contacts',
      dryRun: false,
      limit: null,
      maxInFlight: null,
      requestBudget: null,
    });
  });

  it.each([
    [{ mode: 'all' }, /expected one of "contacts"\|"tags"\|"refresh"\s+→ at mode/],
    [{ dryrun: true }, /Unrecognized key: "dryrun"/],
    [{ limit: 0 }, /expected number to be >0\s+→ at limit/],
    [{ maxInFlight: 1e6 }, /expected number to be <=500\s+→ at maxInFlight/],
    [{ requestBudget: '5' }, /expected number, received string\s+→ at requestBudget/],
    ['tags', /expected object, received string/],
    [[], /expected object, received array/],
  ])('%j is refused with its valid values', (input, what) => {
    expect(() => parseInput(input)).toThrow(InvalidInputError);
    expect(() => parseInput(input)).toThrow(/Example: \{"mode": "contacts"/);
    expect(() => parseInput(input)).toThrow(what);
  });
});
