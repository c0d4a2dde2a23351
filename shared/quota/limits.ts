import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

/** Requests that the CRM accepts in each period, from all programs that use the same key. */
export interface Limits {
  /** In any sliding second (spike arrest). */
  second: number;
  /** In any sliding minute. */
  minute: number;
  /** In a day, from 00:00 UTC. */
  day: number;
  /** In a calendar month (UTC); null if the contract has no such limit. */
  month: number | null;
}

/**
 * The vendor's table of limits: older contracts (with the 1,500 requests a minute of an OAuth client), OAuth clients, and service account
 * keys and personal access tokens.
 * Source: the vendor's developer pages, "API quotas and throttles".
 */
export const PRESETS = {
  team: { second: 25, minute: 1500, day: 125_000, month: 3_750_000 },
  oauth: { second: 25, minute: 1500, day: 150_000, month: null },
  'service-account-key': { second: 10, minute: 240, day: 30_000, month: null },
} as const satisfies Readonly<Record<string, Limits>>;

/** Lowest rate in requests a second: an event source runs at least two environments, and each makes one. */
export const LEAST_RATE = 2;

/** Limits as a person or the stack writes them. */
export const limitsSchema = z.strictObject({
  second: z.number().check(z.minimum(LEAST_RATE), z.maximum(1000)),
  minute: z.number().check(z.minimum(LEAST_RATE * 60)),
  day: positiveInt,
  month: z._default(z.nullable(positiveInt), null),
});

/** Requests a second that respect both the second and the minute: the 240 a minute of a service account key are 4 a second. */
export function rateOf({ second, minute }: Pick<Limits, 'second' | 'minute'>): number {
  return Math.floor(Math.min(second, minute / 60));
}
