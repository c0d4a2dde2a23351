import type { ErrorResponse } from './invocation-error.ts';

/** What an environment's thread is started with. */
export interface ThreadSettings {
  /** File of the bundle that the handler is in. */
  file: string;
  /** Name of the handler's export. */
  exportName: string;
  /** Once it is loaded, it runs for so much of each 20 ms at most, in a cgroup of its own in this directory. */
  processor?: { directory: string; share: number } | undefined;
  /** The parts of the context that stay the same. */
  context: {
    functionName: string;
    functionVersion: string;
    invokedFunctionArn: string;
    memoryLimitInMB: string;
    logGroupName: string;
    logStreamName: string;
  };
}

/** To the thread. */
export interface InvocationMessage {
  requestId: string;
  /** The event as JSON. */
  event: string;
  /** When the time is up, in epoch milliseconds. */
  deadline: number;
}

/** From the thread: ready for invocations, or the outcome of one. */
export type ThreadMessage =
  | { kind: 'ready' }
  /** `heapBytes`: of the environment alone, after the invocation, with what is still to be collected. */
  | { kind: 'result'; requestId: string; payload: string | undefined; heapBytes: number }
  | { kind: 'error'; requestId: string; error: ErrorResponse };
