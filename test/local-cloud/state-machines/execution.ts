import { type HistoryEvent, MAX_EVENTS } from './history.ts';

type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** How an execution ended. Documents are JSON texts, as the service has them. */
export type Outcome =
  | { status: 'SUCCEEDED'; output: string }
  | { status: 'FAILED' | 'TIMED_OUT' | 'ABORTED'; error: string | undefined; cause: string | undefined };

const ENDS = {
  SUCCEEDED: ['ExecutionSucceeded', 'executionSucceededEventDetails'],
  FAILED: ['ExecutionFailed', 'executionFailedEventDetails'],
  TIMED_OUT: ['ExecutionTimedOut', 'executionTimedOutEventDetails'],
  ABORTED: ['ExecutionAborted', 'executionAbortedEventDetails'],
} as const;

/** One run of a state machine, with the events that Step Functions would record for it. */
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

  /** Adds an event while the execution runs. Fails the execution when its history is full, as the service does. */
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

  /** Ends the execution, if it has not ended. */
  end(outcome: Outcome): void {
    if (this.#outcome) return;
    const { status, ...document } = outcome;
    const at = new Date();
    const [type, details] = ENDS[status];
    this.#history.push({ type, timestamp: at, details: { [details]: document } });
    this.#outcome = { ...outcome, at };
  }
}
