import { describe, expect, it } from 'vitest';
import { InvalidInputError, parseInput } from '../../../lambdas/backfill/input.ts';

describe('the input', () => {
  it('is a backfill of contacts when empty', () => {
    expect(parseInput({})).toEqual({
      mode: 'contacts',
      dryRun: false,
      limit: null,
      maxBacklog: null,
      requestBudget: null,
    });
  });

  it.each([
    [{ mode: 'all' }],
    [{ dryrun: true }],
    [{ limit: 0 }],
    [{ maxBacklog: 1e6 }],
    [{ requestBudget: '5' }],
    ['tags'],
    [[]],
  ])('%j is refused with what it may be', (input) => {
    expect(() => parseInput(input)).toThrow(InvalidInputError);
    expect(() => parseInput(input)).toThrow(/for example \{"mode": "contacts"/);
  });
});
