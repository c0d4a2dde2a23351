import type { Report, Run } from '../../lambdas/backfill/run.ts';
import { advanceRun, reportRun, type StepContext, startRun } from '../../lambdas/backfill/steps.ts';
import type { start } from './backfill-start.ts';

/** Assumed time between two calls of the function, in milliseconds. */
const BETWEEN_CALLS_MS = 200;

export type Started = ReturnType<typeof start>;

/** Starts a run. */
export async function begin(input: unknown, context: StepContext): Promise<Run> {
  const run = await startRun(input, context);
  if (run.next === 'skip') throw new Error('The run was skipped');
  return run;
}

/** One call of the step "Enqueue users", after the wait of the last one. */
export async function advance(
  run: Run,
  started: Started,
  context: StepContext = started.context,
): Promise<Run> {
  started.clock.now += run.waitSeconds * 1000 + BETWEEN_CALLS_MS;
  return advanceRun(run, context);
}

/** Runs all steps to the report. */
export async function finish(
  run: Run,
  started: Started,
  context: StepContext = started.context,
): Promise<Report> {
  let state = run;
  while (state.next !== 'report') state = await advance(state, started, context);
  return reportRun(state, context);
}

/** The context of another execution. */
export const as = (name: string, { context }: Started): StepContext => ({
  ...context,
  executionArn: `arn:execution:${name}`,
});
