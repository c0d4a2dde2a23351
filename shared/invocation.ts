import { randomBytes } from 'node:crypto';

/** One invocation of sync-contact. It owns the leases that it takes. */
export interface Invocation {
  /** Id of the Lambda environment, which runs one invocation at a time. */
  environment: string;
  /** Number of the invocation in its environment. */
  number: number;
  /** When it ends at the latest, in epoch milliseconds. Its leases expire then. */
  endsAt: number;
}

/** A new environment, before its first invocation. */
export const newEnvironment = (): Invocation => ({
  environment: randomBytes(12).toString('base64url'),
  number: 0,
  endsAt: 0,
});
