import fc from 'fast-check';
import { SEARCH_MODES } from '../simulator/account/search.ts';
import { ACTIONS, placeholdersOf, stepText } from './actions.ts';
import { type History, print, run } from './history.ts';
import { shorten } from './shorten.ts';

const step = fc.oneof(
  ...ACTIONS.map(({ text, weight }) => ({
    weight,
    arbitrary: fc
      .tuple(...placeholdersOf(text).map((values) => fc.constantFrom(...values)))
      // Nobody swaps emails with themselves.
      .filter(([one, other]) => one !== other || one === undefined)
      .map((values) => stepText(text, values)),
  })),
);

const THREE_IN_SYNC = [
  'ann signs up with one@example.com',
  'bob signs up with two@example.com',
  'cem signs up with three@example.com',
  '5 s pass',
];

/** Any history. Most begin with three users in sync. */
export const anyHistory: fc.Arbitrary<History> = fc.record({
  steps: fc
    .tuple(
      fc.oneof(fc.constant([]), { weight: 2, arbitrary: fc.constant(THREE_IN_SYNC) }),
      fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }),
    )
    .map((parts) => parts.flat()),
  options: fc.record({
    environments: fc.constantFrom(1 as const, 2 as const),
    seed: fc.nat({ max: 9999 }),
    arrays: fc.constantFrom('merge' as const, 'replace' as const),
    putArrays: fc.constantFrom('merge' as const, 'replace' as const),
    search: fc.oneof(
      { weight: 4, arbitrary: fc.constant('exact' as const) },
      fc.constantFrom(...SEARCH_MODES),
    ),
    searchDelay: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(1, 10)),
    tagIds: fc.oneof(
      { weight: 4, arbitrary: fc.constant('listed' as const) },
      fc.constant('left out' as const),
    ),
    customFields: fc.oneof(
      { weight: 4, arbitrary: fc.constant('listed' as const) },
      fc.constant('left out' as const),
    ),
  }),
});

/**
 * Runs random histories.
 *
 * @throws Error that shows the shortest failing history that was found, and what is wrong after it.
 */
export async function checkHistories({ seed, runs }: { seed: number; runs: number }): Promise<void> {
  const fails = async (each: History) => (await run(each)).length > 0;
  const property = fc.asyncProperty(anyHistory, async (each) => !(await fails(each)));
  const result = await fc.check(property, { seed, numRuns: runs });
  if (!result.failed || !result.counterexample) return;
  const shortest = await shorten(result.counterexample[0], fails);
  const problems = (await run(shortest)).join('\n');
  throw new Error(
    `History ${result.numRuns} of seed ${seed} fails; shortened:\n${print(shortest)}\n${problems}`,
  );
}
