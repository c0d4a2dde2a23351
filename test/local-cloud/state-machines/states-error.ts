/** An error by the name that `Retry` and `Catch` of a definition know it by; the message is its cause. */
export class StatesError extends Error {
  /** Neither can mend `States.Runtime`, not even by `States.ALL` (Step Functions developer guide, "Error names"). */
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;

  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
    this.isRetryable = name !== 'States.Runtime';
    this.isCatchable = this.isRetryable;
  }
}
