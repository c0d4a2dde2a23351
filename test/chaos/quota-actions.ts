import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { resume } from '../../shared/quota/ledger.ts';
import { BATCH_SIZE } from '../../shared/quota/pace.ts';
import { updateVersioned } from '../../shared/quota/versioned-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import type { Action, ChaosContext } from './chaos-context.ts';

const DAY_MS = 24 * 3_600_000;
/** Longest time until a person notices that the sync is paused, in milliseconds. */
const NOTICED_MS = 4000;
/** Most answers with a wrong header. */
const MAX_WRONG_ANSWERS = 3;
/** Longest time until the CRM's day ends, in milliseconds. */
const DAY_ENDS_MS = 5000;
/** By how many requests for each user at the start the limit is raised: so few that they are soon used up, or more. */
const RAISES = [
  { least: 0.02, most: 0.15 },
  { least: 0.3, most: 1.5 },
] as const;
/** Environments whose counted requests may stay unused when the limit is reached. */
const ENVIRONMENTS = 5;

/** Some answers of the CRM have a wrong limit header, which may pause the sync for days. A person resumes it. */
export const wrongHeader: Action = async (context) => {
  const { world, running } = context;
  const quota = (name: string, value: number | string) => ({
    [`x-keap-product-quota-${name}`]: String(value),
  });
  const inDays = Date.now() + Math.ceil(world.random() * 30) * DAY_MS;
  const headers = world.pick([
    quota('used', 999_999_999_999),
    quota('limit', 1),
    { ...quota('used', 999_999_999_999), ...quota('expiry-time', inDays) },
    { ...quota('limit', 1), ...quota('expiry-time', inDays) },
    quota('expiry-time', inDays),
    { 'x-keap-product-throttle-used': '999999999' },
    { ...quota('used', 'unknown'), ...quota('limit', '-1'), ...quota('expiry-time', '') },
  ]);
  const answers = Math.ceil(world.random() * MAX_WRONG_ANSWERS);
  await running.controlApi.set('limits', { wrongHeaders: { answers, headers } });
  world.later(Date.now(), world.random() * NOTICED_MS, [], () => resumeRequests(context));
};

/** What `user-sync quota --resume` does. */
export async function resumeRequests({ running: { system } }: ChaosContext): Promise<void> {
  const dynamodb = new DynamoDBClient(system.cloud.sdk('DYNAMODB'));
  const { ledger } = syncTable(dynamodb, system.cloud.outputs['SyncTableName'] ?? '');
  await updateVersioned(ledger, (stored) => resume(stored, Date.now()));
  dynamodb.destroy();
}

/** The CRM's day ends soon. The day of the sync's own limit ends at midnight (UTC). */
export const endDay: Action = ({ world, running }) =>
  running.controlApi.set('limits', { dayEndsInMs: 1 + world.random() * DAY_ENDS_MS });

/** A deployment raises the sync's own daily limit, whether it is reached or not. */
export const raiseLimit: Action = async (context) => {
  const { world } = context;
  const { least, most } = world.pick(RAISES) ?? RAISES[0];
  await raiseTo(context, (used) => used + world.initialUsers * (least + world.random() * (most - least)));
};

/** Deploys a limit that a run does not reach. */
export const liftLimit = (context: ChaosContext): Promise<void> => raiseTo(context, () => 1_000_000);

async function raiseTo(
  { running, ownLimit, counts }: ChaosContext,
  limitFor: (used: number) => number,
): Promise<void> {
  const { controlApi, system } = running;
  const used = ownLimit.check(await controlApi.times(), Date.now(), ENVIRONMENTS * BATCH_SIZE);
  ownLimit.raise(Math.ceil(limitFor(used)));
  counts.limitsRaised++;
  await system.cloud.deploy({ LIMITS: JSON.stringify(ownLimit.limits) });
}
