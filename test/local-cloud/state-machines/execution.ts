import * as z from 'zod';

type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** How an execution ended. Documents are JSON text, as in the API. */
export type Outcome =
  | { status: 'SUCCEEDED'; output: string }
  | { status: 'FAILED' | 'TIMED_OUT' | 'ABORTED'; error: string | undefined; cause: string | undefined };

const ENDS = {
  SUCCEEDED: ['ExecutionSucceeded', 'executionSucceededEventDetails'],
  FAILED: ['ExecutionFailed', 'executionFailedEventDetails'],
  TIMED_OUT: ['ExecutionTimedOut', 'executionTimedOutEventDetails'],
  ABORTED: ['ExecutionAborted', 'executionAbortedEventDetails'],
} as const;

/** One run of a state machine, with the events that Step Functions would record. */
export class Execution {
  readonly arn: string;
  readonly name: string;
  readonly input: string;
  readonly startedAt = new Date();
  readonly #history: HistoryEvent[] = [];
  #outcome: (Outcome & { at: Date }) | undefined;

  constructor(arn: string, name: string, input: string) {
    this.arn = arn;
    this.name = name;
    this.input = input;
    const details = { executionStartedEventDetails: { input } };
    this.#history.push({ type: 'ExecutionStarted', timestamp: this.startedAt, details });
  }

  get status(): ExecutionStatus {
    return this.#outcome?.status ?? 'RUNNING';
  }

  get outcome(): (Outcome & { at: Date }) | undefined {
    return this.#outcome;
  }

  /** Oldest first. */
  get history(): readonly HistoryEvent[] {
    return this.#history;
  }

  /** Adds an event while the execution runs. Fails the execution when its history is full, like the service. */
  record(event: HistoryEvent): void {
    if (this.#outcome) return;
    if (this.#history.length < MAX_EVENTS - 1) this.#history.push(event);
    else
      this.end({
        status: 'FAILED',
        error: 'States.Runtime',
        cause: `The execution reached the maximum number of history events (${MAX_EVENTS}).`,
      });
  }

  /** Ends the execution unless it has ended already. */
  end(outcome: Outcome): void {
    if (this.#outcome) return;
    const { status, ...document } = outcome;
    const at = new Date();
    const [type, details] = ENDS[status];
    this.#history.push({ type, timestamp: at, details: { [details]: document } });
    this.#outcome = { ...outcome, at };
  }
}

/** Most events of an execution, including its end (Step Functions developer guide, "Quotas"). */
const MAX_EVENTS = 25_000;

/** An event of an execution's history. Its id is its position, from 1. */
export interface HistoryEvent {
  type: string;
  timestamp: Date;
  /** By name, such as `stateExitedEventDetails`. */
  details: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const logSchema = z.looseObject({
  type: z.string(),
  timestamp: z.number(),
  state: z.looseObject({ name: z.string(), input: z.unknown(), output: z.unknown().optional() }).optional(),
  Error: z.string().optional(),
  Cause: z.unknown().optional(),
});
const TASK = { resourceType: 'lambda', resource: 'invoke' };
const FAILURES: ReadonlySet<string | undefined> = new Set(['TaskFailed', 'TaskTimedOut']);

/**
 * Converts an entry of the interpreter's log to the events of Step Functions: a state is entered and exited; a task is
 * scheduled, started, and succeeds or fails, once per retry.
 *
 * @param typeOf type of a state in the definition.
 * @param previous the last event so far.
 */
export function historyEvents(
  entry: unknown,
  typeOf: (state: string) => string | undefined,
  previous: HistoryEvent | undefined,
): HistoryEvent[] {
  const { type, timestamp, state, ...failure } = logSchema.parse(entry);
  if (!state) return [];
  const stateType = typeOf(state.name) ?? '';
  const isTask = stateType === 'Task';
  const event = (name: string, details: HistoryEvent['details']): HistoryEvent => ({
    type: name,
    timestamp: new Date(timestamp),
    details,
  });
  const started = () => [
    event('TaskScheduled', { taskScheduledEventDetails: TASK }),
    event('TaskStarted', { taskStartedEventDetails: TASK }),
  ];
  switch (type) {
    case 'StateEntered': {
      const details = { name: state.name, input: JSON.stringify(state.input) };
      const entered = event(`${stateType}StateEntered`, { stateEnteredEventDetails: details });
      return isTask ? [entered, ...started()] : [entered];
    }
    case 'StateRetried':
      return isTask ? started() : [];
    case 'StateFailed': {
      if (!isTask) return [];
      const details = { ...TASK, error: failure.Error, cause: textOf(failure.Cause) };
      return failure.Error === 'States.Timeout'
        ? [event('TaskTimedOut', { taskTimedOutEventDetails: details })]
        : [event('TaskFailed', { taskFailedEventDetails: details })];
    }
    case 'StateExited': {
      const details = { name: state.name, output: JSON.stringify(state.output) };
      const exited = event(`${stateType}StateExited`, { stateExitedEventDetails: details });
      const succeeded = isTask && !FAILURES.has(previous?.type);
      return succeeded ? [event('TaskSucceeded', { taskSucceededEventDetails: TASK }), exited] : [exited];
    }
    default:
      return [];
  }
}

const textOf = (cause: unknown): string => (typeof cause === 'string' ? cause : JSON.stringify(cause));
