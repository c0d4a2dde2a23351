import fc from 'fast-check';
import { SEARCH_MODES } from '../simulator/account/search.ts';
import { ACTIONS, editHarmlessly, perform, placeholdersOf, Script, stepText } from './actions.ts';
import { type Account, PLAIN_ACCOUNT } from './crm.ts';
import { findProblems } from './verify.ts';
import { World } from './world.ts';

export interface HistoryOptions extends Partial<Account> {
  /** Invocations that run side by side. The default is 1. */
  environments?: 1 | 2;
  /** Varies times and batches. The default, 0, has no variation. */
  seed?: number;
}

/** A sequence of steps, each with the text of an action in `actions.ts`. */
export interface History {
  steps: readonly string[];
  options: HistoryOptions;
}

/** @example history(['ann signs up with one@example.com', '5 s pass', 'ann is deleted'], { environments: 2 }) */
export const history = (steps: readonly string[], options: HistoryOptions = {}): History => ({
  steps,
  options,
});

/** A history as it can be pasted into a table of histories. */
export function print({ steps, options }: History): string {
  const list = steps.map((step) => `  '${step}',\n`).join('');
  const given = Object.entries(options).filter(
    ([name, value]) =>
      value !== ({ ...PLAIN_ACCOUNT, environments: 1, seed: 0 } as Record<string, unknown>)[name],
  );
  const listed = given.map(([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`);
  return `history([\n${list}]${listed.length > 0 ? `, { ${listed.join(', ')} }` : ''}),`;
}

const HOUR_MS = 3_600_000;
/** Retries of a message are at most an hour apart. */
const SETTLE_MS = 12 * HOUR_MS;

/**
 * Runs a history, ends all faults, and waits until every change is processed. An operator then redrives the dead letters, and each user
 * whose contact was deleted or merged by hand is changed, since the sync notices that only with the next change.
 *
 * @returns everything that is wrong then.
 */
export async function run({ steps, options }: History): Promise<string[]> {
  const { environments = 1, seed = 0, ...account } = options;
  const world = new World({ account: { ...PLAIN_ACCOUNT, ...account }, environments, seed });
  const script = new Script(world);
  for (const step of steps) await perform(script, step);
  world.crm.endFaults();
  if (!(await world.settle(SETTLE_MS))) return ['the queue does not run empty'];
  world.redrive();
  for (const userId of script.touched) editHarmlessly(script, userId);
  if (!(await world.settle(SETTLE_MS))) return ['the queue does not run empty after a redrive'];
  return findProblems(script);
}

/** Leaves out every step and option without which the history still fails. */
async function shorten(
  failing: History,
  fails: (candidate: History) => Promise<boolean>,
): Promise<History> {
  for (const index of failing.steps.keys()) {
    const candidate = { ...failing, steps: failing.steps.toSpliced(index, 1) };
    if (await fails(candidate)) return shorten(candidate, fails);
  }
  for (const name of Object.keys(failing.options) as (keyof HistoryOptions)[]) {
    const { [name]: _, ...options } = failing.options;
    if (await fails({ ...failing, options })) return shorten({ ...failing, options }, fails);
  }
  return failing;
}

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
    search: fc.oneof(
      { weight: 4, arbitrary: fc.constant('exact' as const) },
      fc.constantFrom(...SEARCH_MODES),
    ),
    searchDelay: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(1, 10)),
    tagIds: fc.oneof(
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
