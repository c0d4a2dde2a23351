import type { simulatorClient } from '../../demo/simulator-client.ts';
import { steadyRate } from './fill.ts';

/** What some work cost, as counted at the CRM's door. */
export interface Cost {
  users: number;
  /** Requests that arrived, refused ones too. */
  requests: number;
  /** Requests that were refused for being past a limit. */
  refused: number;
  /** Contacts with an email that another has already. */
  duplicates: number;
  requestsPerUser: number;
  /** While it ran steadily. */
  usersPerMinute: number;
  /** Admitted requests a second, while it ran steadily, as a part of those that the CRM takes. */
  utilisation: number;
}

/** Requests a second that the CRM takes. */
export const LIMIT = 25;

/**
 * Does work and counts at the door what it cost.
 *
 * @param work returns how many users it is done with.
 */
export async function costOf(
  door: ReturnType<typeof simulatorClient>,
  work: () => Promise<number>,
): Promise<Cost> {
  const [before, seen] = [await door.stats(), (await door.times()).length];
  const users = await work();
  const [after, times] = [await door.stats(), (await door.times()).slice(seen)];
  const refused = after.throttled - before.throttled;
  const admitted = times.length;
  const rate = steadyRate(times, LIMIT);
  return {
    users,
    requests: admitted + refused,
    refused,
    duplicates: after.duplicateContacts - before.duplicateContacts,
    requestsPerUser: (admitted + refused) / users,
    usersPerMinute: admitted > 0 ? (60 * rate * users) / admitted : 0,
    utilisation: rate / LIMIT,
  };
}
