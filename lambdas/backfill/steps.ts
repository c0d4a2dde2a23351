import { catalogFor, type FeedOptions, feed } from './feed.ts';
import { type BackfillInput, parseInput } from './input.ts';
import type { BackfillPorts, RunOwner } from './ports.ts';
import type { Report, Run } from './run.ts';
import { nobodyToTag } from './to-tag.ts';

/** Another backfill runs: two at once would fill the queue twice, and the second has nothing to add. */
export class AlreadyRunningError extends Error {
  override name = 'AlreadyRunningError';
}

/** Another backfill took over from this one, because its execution was found ended. */
export class SupersededError extends Error {
  override name = 'SupersededError';
}

/** The account cannot take some of what the mapping would write to all users. */
export class MappingDoesNotFitError extends Error {
  override name = 'MappingDoesNotFitError';
}

export interface StepContext {
  ports: BackfillPorts;
  options: FeedOptions;
  executionArn: string;
}

/** Work of the pace that waits in the queue, in seconds: long enough for a page to be made meanwhile, short enough for live changes. */
const BACKLOG_SECONDS = 5;
/** At a slow pace a page would be of a few users else. */
const LEAST_BACKLOG = 40;

/**
 * Checks the input and makes sure that this is the only backfill. One whose execution has ended without a report (stopped,
 * failed) is taken over: what it did is in the table, and is not done again.
 *
 * The daily refresh goes on with a mapping that does not fit, without the fields in question; what a person starts once does not.
 *
 * @throws InvalidInputError, AlreadyRunningError, MappingDoesNotFitError.
 */
export async function plan(input: unknown, { ports, options, executionArn }: StepContext): Promise<Run> {
  const parsed = parseInput(input);
  const { problems = [] } = (await catalogFor(options.mapping, ports)) ?? {};
  if (problems.length > 0 && parsed.mode !== 'refresh')
    throw new MappingDoesNotFitError(
      `The mapping does not fit the account. Mend it, and see npm run catalog:\n${problems.join('\n')}`,
    );
  const previous = await ports.owner();
  if (previous && previous.executionArn !== executionArn && (await ports.isRunning(previous.executionArn))) {
    throw new AlreadyRunningError(
      `A backfill is running: ${previous.executionArn}. Wait for it, or stop it.`,
    );
  }
  const runId = executionArn.split(':').at(-1) ?? executionArn;
  if (!(await ports.own({ runId, executionArn }, previous))) {
    throw new AlreadyRunningError('Another backfill was started at the same moment.');
  }
  const startedAt = new Date(ports.now()).toISOString();
  return {
    runId,
    input: withBacklog(parsed, options.requestsPerSecond),
    next: 'feed',
    waitSeconds: 0,
    cursor: null,
    scanFinished: false,
    scanned: 0,
    enqueued: 0,
    messages: 0,
    skipped: 0,
    failed: 0,
    backlog: 0,
    plannedRequests: 0,
    mostRequests: 0,
    requestsToday: 0,
    users: await ports.countUsers(),
    shareDone: 0,
    startedAt,
    estimatedEnd: startedAt,
    pages: 0,
    executions: 1,
    findings: { created: 0, updated: 0, tagged: 0, rejected: {} },
    toTag: nobodyToTag(),
  };
}

/** Feeds a page, as long as this run is still the one. @throws SupersededError. */
export async function feedPage(run: Run, context: StepContext): Promise<Run> {
  await ownedBy(run, context);
  return feed(upToDate(run, context.options), context.ports, context.options);
}

/** A run that a version before this one has begun: a deploy in the middle does not end it. */
function upToDate(run: Partial<Run> & Run, { requestsPerSecond }: FeedOptions): Run {
  const { toTag = nobodyToTag(), messages = run.enqueued, mostRequests = run.plannedRequests } = run;
  return { ...run, toTag, messages, mostRequests, input: withBacklog(run.input, requestsPerSecond) };
}

const withBacklog = (input: BackfillInput, requestsPerSecond: number): Run['input'] => ({
  ...input,
  maxBacklog: input.maxBacklog ?? Math.max(LEAST_BACKLOG, Math.ceil(BACKLOG_SECONDS * requestsPerSecond)),
});

/** Goes on as a new execution, whose history is empty. */
export async function continueRun(run: Run, context: StepContext): Promise<Run & { continuedIn: string }> {
  const owner = await ownedBy(run, context);
  const executions = run.executions + 1;
  const next: Run = { ...run, next: 'feed', waitSeconds: 0, pages: 0, executions };
  const continuedIn = await context.ports.startExecution(`${run.runId.slice(0, 70)}-${executions}`, next);
  await context.ports.own({ runId: run.runId, executionArn: continuedIn }, owner);
  return { ...next, continuedIn };
}

/** Ends the run. */
export async function report(run: Run, { ports, options, executionArn }: StepContext): Promise<Report> {
  await ports.disown({ runId: run.runId, executionArn });
  const {
    runId,
    input,
    scanned,
    enqueued,
    skipped,
    failed,
    findings,
    plannedRequests,
    mostRequests,
    startedAt,
    executions,
  } = run;
  return {
    runId,
    mode: input.mode,
    dryRun: input.dryRun,
    scanned,
    enqueued,
    skipped,
    failed,
    findings,
    requests: plannedRequests,
    requestsAtMost: mostRequests,
    secondsAtPace: Math.ceil(plannedRequests / options.requestsPerSecond),
    shareOfDay: Number((plannedRequests / options.budget.limits.day).toFixed(4)),
    startedAt,
    endedAt: new Date(ports.now()).toISOString(),
    executions,
  };
}

/** The owner of the run, updated to this execution where a continued one takes its first step. */
async function ownedBy(run: Run, { ports, executionArn }: StepContext): Promise<RunOwner> {
  const owner = await ports.owner();
  if (owner?.runId !== run.runId)
    throw new SupersededError(`Another backfill took over: ${owner?.executionArn}`);
  const mine = { runId: run.runId, executionArn };
  if (owner.executionArn !== executionArn) await ports.own(mine, owner);
  return mine;
}
