import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';
import { RATE_LEASE } from './retry-policy.ts';

/*
 * A person's command takes a small fixed rate from the environments of sync-contact: a lease in the item of the request slots. The
 * environments leave that rate out while they see the lease.
 *
 * The clock of the command's machine may be wrong by hours, so it is not compared with any other. The environments decide by their clock
 * when a lease ends: the first one that sees it, or its renewal, writes down when. The command measures how much time has passed since its
 * last renewal, and stops long before.
 */

const rateLeaseSchema = z.object({
  id: z.string(),
  /** Requests in a window. */
  rate: positiveInt,
  /** How long it lasts from when an environment first sees this renewal, in milliseconds. */
  ms: positiveInt,
  renewal: z.int(),
  /** When it ends, in epoch milliseconds by the clock of the environment that has seen it first; null until one has. */
  until: z.nullable(z.number()),
});
export type RateLease = z.infer<typeof rateLeaseSchema>;

export const slotStateSchema = z.object({
  /** The last request slots of all environments, in epoch milliseconds, oldest first. */
  slots: z.array(z.number()),
  /** When an environment last reserved one, by its clock in epoch milliseconds. */
  at: z.number(),
  leases: z.array(rateLeaseSchema),
});
/** What the environments and the commands share: who may start requests when. */
export type SlotState = z.infer<typeof slotStateSchema>;

export const NO_SLOTS: SlotState = { slots: [], at: 0, leases: [] };

/** Most of a rate that all leases together take: half, so that no command stops the sync. */
export const mostLeased = (requestsPerWindow: number): number => Math.floor(requestsPerWindow / 2);

/** The requests in a window that leases take together. */
export const leasedRate = (leases: readonly RateLease[]): number =>
  leases.reduce((sum, { rate }) => sum + rate, 0);

/** The requests in a window that leases leave. */
export const unleasedRate = (leases: readonly RateLease[], requestsPerWindow: number): number =>
  requestsPerWindow - Math.min(leasedRate(leases), mostLeased(requestsPerWindow));

/**
 * The leases that an environment respects, each with its end. No lease lasts longer than {@link RATE_LEASE}, whatever its `until` says.
 *
 * @param now epoch milliseconds, by the clock of the environment.
 */
export function currentLeases(leases: readonly RateLease[], now: number): RateLease[] {
  return leases
    .map((lease) => ({
      ...lease,
      until: Math.min(lease.until ?? Number.POSITIVE_INFINITY, now + Math.min(lease.ms, RATE_LEASE.ms)),
    }))
    .filter(({ until }) => until > now);
}
