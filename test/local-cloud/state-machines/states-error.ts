/** An error with the name that `Retry` and `Catch` of a definition match. The message is its cause. */
export class StatesError extends Error {
  /** `States.Runtime` can neither be retried nor caught, not even by `States.ALL` (Step Functions developer guide, "Error names"). */
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;

  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
    this.isRetryable = name !== 'States.Runtime';
    this.isCatchable = this.isRetryable;
  }
}
