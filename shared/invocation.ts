import { randomBytes } from 'node:crypto';

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
