import type { simulatorClient } from '../../demo/simulator-client.ts';
import { steadyRate } from './fill.ts';

/** What some work cost, as counted by the CRM simulator. */
export interface Cost {
  users: number;
  /** Requests that arrived, including rejected ones. */
  requests: number;
  /** Requests that were rejected with 429. */
  rejected: number;
  /** Contacts whose email another contact already has. */
  duplicates: number;
  requestsPerUser: number;
  /** Users that are finished in a minute at the steady rate. */
  usersPerMinute: number;
  /** Steady rate of admitted requests, as a share of the rate limit. */
  filled: number;
}

/** Requests per second that the CRM accepts. */
export const LIMIT = 25;

/**
 * Runs work and measures what it costs.
 *
 * @param work returns the number of users that it finished.
 */
export async function measureCost(
  crm: ReturnType<typeof simulatorClient>,
  work: () => Promise<number>,
): Promise<Cost> {
  const [before, earlier] = [await crm.stats(), (await crm.times()).length];
  const users = await work();
  const [after, times] = [await crm.stats(), (await crm.times()).slice(earlier)];
  const rejected = after.throttled - before.throttled;
  const admitted = times.length;
  const rate = steadyRate(times, LIMIT);
  return {
    users,
    requests: admitted + rejected,
    rejected,
    duplicates: after.duplicateContacts - before.duplicateContacts,
    requestsPerUser: (admitted + rejected) / users,
    usersPerMinute: admitted > 0 ? (60 * rate * users) / admitted : 0,
    filled: rate / LIMIT,
  };
}
