/** What Lambda answers for a failed invocation. */
export interface ErrorResponse {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** The function was invoked and failed: it threw, ran out of time, or its environment died. */
export class InvocationError extends Error {
  override readonly name = 'InvocationError';
  readonly response: ErrorResponse;

  constructor(functionName: string, response: ErrorResponse) {
    super(`${functionName}: ${response.errorType}: ${response.errorMessage}`);
    this.response = response;
  }
}

/** The function was not invoked: all of its concurrency is in use. */
export class ThrottledError extends Error {
  override readonly name = 'ThrottledError';

  constructor(functionName: string, limit: number) {
    super(`${functionName}: Rate Exceeded. All ${limit} environments are busy.`);
  }
}
