import { editHarmlessly, perform, Script } from './actions.ts';
import { type Account, PLAIN_ACCOUNT } from './crm.ts';
import { findProblems } from './verify.ts';
import { World } from './world.ts';

interface HistoryOptions extends Partial<Account> {
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
