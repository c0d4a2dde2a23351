import { hashRequirements } from '../../shared/infusionsoft/catalog/catalog.ts';
import { BACKFILL_FUNCTION_MS } from '../../shared/quota/retry-policy.ts';
import type { RunLock } from '../../shared/store/run-lock.ts';
import { emptyEstimate } from '../../shared/sync/tag-estimate.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { catalogFor, type EnqueueOptions, enqueueUsers } from './enqueue-users.ts';
import { MODES, parseInput } from './input.ts';
import type { BackfillPorts } from './ports.ts';
import type { Report, Run, SkippedRun } from './run.ts';

/** Another run took the lock over, because the execution of this run had ended. */
export class SupersededError extends Error {
  override name = 'SupersededError';
}

/** The account cannot accept some of what the mapping would write to all users. */
export class MappingDoesNotFitError extends Error {
  override name = 'MappingDoesNotFitError';
}

export interface StepContext {
  ports: BackfillPorts;
  options: EnqueueOptions & {
    /** Users in flight that fill the pace, of all runs together. */
    inFlight: number;
  };
  executionArn: string;
}

/**
 * Checks the input, and takes the lock of the mode: a second run of a mode would only find what the first is about to do. If the execution
 * of another run has ended without a report (stopped or failed), its lock is taken over; what it did is in the user table and is not
 * repeated. Runs of other modes, and dry runs, can run at the same time.
 *
 * The daily refresh runs even if the account does not accept the whole mapping, and leaves those fields out. Other modes are started by a
 * person, who can fix the mapping first.
 *
 * @throws InvalidInputError, MappingDoesNotFitError.
 */
export async function startRun(
  input: unknown,
  { ports, options, executionArn }: StepContext,
): Promise<Run | SkippedRun> {
  const parsed = parseInput(input);
  const { mode, dryRun } = parsed;
  const { problems = [] } =
    (await catalogFor(hashRequirements(requirementsOf(options.mapping)), ports)) ?? {};
  if (problems.length > 0 && mode !== 'refresh')
    throw new MappingDoesNotFitError(
      `The mapping does not fit the account. Compare them with npx --no user-sync catalog, and fix:\n${problems.join('\n')}`,
    );
  const runId = executionArn.split(':').at(-1) ?? executionArn;
  if (!dryRun) {
    const previous = await ports.locks.read(mode);
    const isOther = previous !== undefined && previous.executionArn !== executionArn;
    const skipped = (running: string): SkippedRun => ({ runId, mode, next: 'skip', running });
    if (isOther && (await ports.isRunning(previous.executionArn))) return skipped(previous.executionArn);
    const lock = { runId, executionArn, busyUntil: ports.now() + BACKFILL_FUNCTION_MS };
    if (!(await ports.locks.take(mode, lock, previous)))
      return skipped(
        (await ports.locks.read(mode))?.executionArn ?? 'another execution that started at the same time',
      );
  }
  const now = ports.now();
  const startedAt = new Date(now).toISOString();
  return {
    runId,
    input: { ...parsed, maxInFlight: parsed.maxInFlight ?? options.inFlight },
    next: 'enqueue',
    waitSeconds: 0,
    cursor: null,
    scanFinished: false,
    scanned: 0,
    enqueued: 0,
    skipped: 0,
    invalid: 0,
    done: 0,
    rejected: {},
    unfinished: { total: 0, users: [] },
    plannedRequests: 0,
    maxRequests: 0,
    requestsToday: 0,
    users: await ports.countUsers(),
    shareDone: 0,
    startedAt,
    estimatedEnd: startedAt,
    calls: 0,
    executions: 1,
    findings: { created: 0, updated: 0, tagged: 0, invalid: {} },
    tagEstimate: emptyEstimate(),
    ready: [],
    readyForTags: [],
    sent: [],
    pendingTags: { userIds: [], bytes: 0, since: now },
    tagJob: null,
    lastDoneAt: 0,
    lastProgressAt: now,
  };
}

/** Enqueues users for some seconds, if this run still has the lock of its mode. @throws SupersededError. */
export async function advanceRun(run: Run, context: StepContext): Promise<Run> {
  const { ports, options, executionArn } = context;
  if (run.input.dryRun) return enqueueUsers(run, 1, ports, options);
  const lock = await ownLock(run, context);
  const busyUntil = ports.now() + BACKFILL_FUNCTION_MS;
  await renew(run, { ...lock, executionArn, busyUntil }, lock, ports);
  const next = await enqueueUsers(run, 1 + (await otherRuns(run, ports)), ports, options);
  // While this run waits for the quota, other runs can use its share of the pace.
  if (next.next === 'waitForQuota')
    await renew(run, { ...lock, executionArn, busyUntil: 0 }, { ...lock, executionArn }, ports);
  return next;
}

/** Continues the run in a new execution, whose history is empty. */
export async function continueRun(run: Run, context: StepContext): Promise<Run & { continuedIn: string }> {
  const executions = run.executions + 1;
  const next: Run = { ...run, next: 'enqueue', waitSeconds: 0, calls: 0, executions };
  const lock = run.input.dryRun ? undefined : await ownLock(run, context);
  const continuedIn = await context.ports.startExecution(`${run.runId.slice(0, 70)}-${executions}`, next);
  if (lock) await context.ports.locks.take(run.input.mode, { ...lock, executionArn: continuedIn }, lock);
  return { ...next, continuedIn };
}

/** Releases the lock of the run, which a dry run does not have, and reports the totals. */
export async function reportRun(run: Run, { ports, options }: StepContext): Promise<Report> {
  const { runId, input, plannedRequests, maxRequests, startedAt, executions } = run;
  const { scanned, enqueued, skipped, invalid, findings, done, rejected, unfinished } = run;
  await ports.locks.release(input.mode, runId);
  return {
    runId,
    mode: input.mode,
    dryRun: input.dryRun,
    scanned,
    enqueued,
    skipped,
    invalid,
    findings,
    done,
    rejected,
    unfinished,
    requests: plannedRequests,
    requestsAtMost: maxRequests,
    secondsAtPace: Math.ceil(plannedRequests / options.requestsPerSecond),
    shareOfDay: Number((plannedRequests / options.budget.limits.day).toFixed(4)),
    startedAt,
    endedAt: new Date(ports.now()).toISOString(),
    executions,
  };
}

/** The lock of this run. It can still name the execution that this one continues. */
async function ownLock(run: Run, { ports }: StepContext): Promise<RunLock> {
  const lock = await ports.locks.read(run.input.mode);
  if (lock?.runId !== run.runId)
    throw new SupersededError(
      lock
        ? `Another backfill has taken over: ${lock.executionArn}`
        : 'Another backfill took over, and has ended. Start a new one',
    );
  return lock;
}

async function renew(run: Run, lock: RunLock, previous: RunLock, ports: BackfillPorts): Promise<void> {
  if (!(await ports.locks.take(run.input.mode, lock, previous)))
    throw new SupersededError('Another backfill has just taken over');
}

/** The number of runs of other modes that use a share of the pace. */
async function otherRuns(run: Run, ports: BackfillPorts): Promise<number> {
  const others = MODES.filter((mode) => mode !== run.input.mode);
  const locks = await Promise.all(others.map((mode) => ports.locks.read(mode)));
  return locks.filter((lock) => lock && lock.busyUntil > ports.now()).length;
}
