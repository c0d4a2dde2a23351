export interface EventSourceStatistics {
  /** Batches that the function was invoked with, retries included. */
  batches: number;
  /** Records in those batches. */
  records: number;
  /** Records that the function did not report as done, each time that they failed. */
  failures: number;
  /** Records given up after their last retry. */
  discarded: number;
}

/** What feeds a function. */
export interface EventSource {
  readonly statistics: EventSourceStatistics;
  /** Begins to read, or goes on after a pause. */
  start(): void;
  /** Stops reading. Fulfilled when nothing more will be read; invocations that run go on. */
  pause(): Promise<void>;
  /** Whether there is nothing to read, nothing that waits to be retried, and nothing at work. */
  idle(): Promise<boolean>;
  /** Stops for good. */
  stop(): Promise<void>;
}

/** Counters at zero. */
export function newStatistics(): EventSourceStatistics {
  return { batches: 0, records: 0, failures: 0, discarded: 0 };
}
