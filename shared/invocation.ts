import { randomBytes } from 'node:crypto';

// How long sync-contact works, and what follows from it. Times in milliseconds.

/** Longest that an invocation of sync-contact lasts: the time-out of the function. */
export const INVOCATION_MS = 25_000;

/**
 * How long the queue hides a message from others: six times the time-out of the function, as AWS recommends (Lambda developer guide,
 * "Using Lambda with Amazon SQS"). It is also how long the users of an environment that died wait.
 */
export const VISIBILITY_MS = 6 * INVOCATION_MS;

/** The end of an invocation, in which it stores what it has done. Requests to the CRM are cut off before. */
export const WRITE_BACK_MS = 4000;

/** A run of an environment of sync-contact: what holds leases. */
export interface Invocation {
  /** Id of the environment, which runs one invocation at a time. */
  environment: string;
  /** Counts the invocations of the environment. */
  number: number;
  /** When it ends, in epoch milliseconds: nothing runs any longer, so neither does a lease. */
  endsAt: number;
}

/** An environment before its first invocation. */
export const newEnvironment = (): Invocation => ({
  environment: randomBytes(12).toString('base64url'),
  number: 0,
  endsAt: 0,
});
