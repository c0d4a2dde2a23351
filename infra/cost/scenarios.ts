import * as z from 'zod';
import { sumOf, times, type Usage, usageSchema } from './usage.ts';

/** What was counted of the running system, and what the stack holds. Written by `npm run cost -- --write`. */
export const countsSchema = z.object({
  /** When it was counted. */
  measuredOn: z.iso.date(),
  /** A backfill of users whom the CRM did not have. */
  backfill: z.object({ users: z.int().positive(), usage: usageSchema }),
  /** Changes that the CRM shows, one at a time: batches of many cost less. */
  changes: z.object({ changes: z.int().positive(), usage: usageSchema }),
  /** A daily refresh in which nobody has changed. */
  refresh: z.object({ users: z.int().positive(), usage: usageSchema }),
  /** One renewal of the OAuth tokens. */
  rotation: usageSchema,
  /** One check of the health. */
  healthCheck: usageSchema,
  /** What a month costs however little happens, by the template and the metrics that were written. */
  standing: usageSchema,
  /** Calls to AWS of the backfill and of the changes, by service, operation and resource: where the units come from. */
  calls: z.record(z.string(), z.object({ backfill: z.int(), changes: z.int() })),
});
export type Counts = z.infer<typeof countsSchema>;

/** Something that happens to the system, and what it uses. */
export interface Scenario {
  name: string;
  usage: Usage;
}

const DAYS = 30;
/** By default, see `crm.tokenRotationHours` in infra/config.ts. */
const ROTATIONS_A_DAY = 2;
/** Every five minutes, see `infra/health-check.ts`. */
const HEALTH_CHECKS = DAYS * 24 * 12;
const MILLION = 1_000_000;
/**
 * Lambda keeps five pollers of an idle queue that has a maximum concurrency (AWS Lambda developer guide, "Configuring scaling behavior for
 * SQS event source mappings"), each of which asks again after the 20 seconds of a long poll.
 */
const IDLE_POLLS = (5 * DAYS * 24 * 3600) / 20;

/** One call of the feeder looks at users for 20 seconds, with 512 MB (lambdas/backfill/handler.ts, infra/backfill.ts). */
const CALL_GB_SECONDS = 20 * 0.5;

/**
 * The three questions. Counts of a backfill and of changes are in proportion to their number.
 *
 * @param users of the app.
 */
export function scenariosOf(counts: Counts, users: number): Scenario[] {
  const { backfill, changes, refresh, rotation, healthCheck, standing } = counts;
  return [
    {
      name: `Backfill of ${users.toLocaleString('en-US')} users`,
      usage: times(backfill.usage, users / backfill.users),
    },
    { name: 'A million changes', usage: times(changes.usage, MILLION / changes.changes) },
    {
      name: 'A month without a change',
      usage: sumOf(
        times(refreshOf(refresh, users), DAYS),
        times(rotation, DAYS * ROTATIONS_A_DAY),
        times(healthCheck, HEALTH_CHECKS),
        { sqsFifoRequests: IDLE_POLLS, scheduledStarts: DAYS + HEALTH_CHECKS },
        standing,
      ),
    },
  ];
}

/** Time and what is read follow the users; all else follows the calls that so much time takes. */
function refreshOf(refresh: Counts['refresh'], users: number): Usage {
  const { lambdaGbSeconds = 0, dynamodbReadUnits = 0, ...ofACall } = refresh.usage;
  const byUsers = times({ lambdaGbSeconds, dynamodbReadUnits }, users / refresh.users);
  const calls = Math.ceil((byUsers.lambdaGbSeconds ?? 0) / CALL_GB_SECONDS);
  return sumOf(byUsers, times(ofACall, Math.max(1, calls)));
}
