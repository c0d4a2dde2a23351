import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { UNCERTAIN_WRITE_MS } from '../../shared/quota/retry-policy.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { type Action, type ChaosContext, changeUser } from './chaos-context.ts';
import { liftLimit } from './quota-actions.ts';

/** Maximum number of users at the same time for whom the CRM fails. */
const MAX_FAILING = 3;
/** Longest that the CRM fails for a user, in milliseconds. */
const FAILING_MS = 8000;
/** Longest outage, in milliseconds. */
const OUTAGE_MS = 5000;
/** Time between two changes of another user, which succeed while the CRM fails for one, in milliseconds. */
const SUCCESS_EVERY_MS = 5000;
/** Longest time until the user is rejected, in milliseconds. The policy asks for eight minutes, and retries come at growing intervals. */
const REJECTED_WITHIN_MS = 15 * 60_000;

const announce = ({ world, running }: ChaosContext): Promise<void> =>
  running.controlApi.set('failing', { emails: [...world.failing.values()] });

/** For a while, the CRM answers 500 to every change of a user's contact. */
export const failContact: Action = async (context) => {
  const { world } = context;
  const user = world.pick(world.availableForPairs());
  if (!user?.email || world.failing.size === MAX_FAILING) return;
  const { userId } = user;
  world.failing.set(userId, user.email);
  await announce(context);
  await changeUser(context, userId, world.edit(user));
  world.later(Date.now(), world.random() * FAILING_MS, [], async () => {
    world.failing.delete(userId);
    await announce(context);
  });
};

/** For a while, the CRM answers 500 with a message to all requests, or to half of them. */
export const serverErrors: Action = async ({ world, running }) => {
  const rate = world.random() < 0.5 ? 1 : 0.5;
  await running.controlApi.set('faults', { rate, kinds: ['server-error'] });
  world.later(Date.now(), world.random() * OUTAGE_MS, [], () =>
    running.controlApi.set('faults', { rate: 0 }),
  );
};

/**
 * The CRM fails for the contact of one user for good, while others succeed. Waits until the user is rejected, which takes some ten minutes.
 *
 * @throws Error if the user is not rejected.
 */
export async function failForGood(context: ChaosContext): Promise<void> {
  const { world, running } = context;
  const [user, other] = world.availableForPairs().filter(({ userId }) => !world.merged.has(userId));
  if (!user?.email || !other) throw new Error('No user is left whose contact can fail');
  world.failing.set(user.userId, user.email);
  await announce(context);
  await changeUser(context, user.userId, { lastName: 'Unsaved' });
  const until = Date.now() + REJECTED_WITHIN_MS;
  for (let edits = 1; Date.now() < until; edits++) {
    await changeUser(context, other.userId, { lastName: `Saved ${edits}` });
    await sleep(SUCCESS_EVERY_MS);
    const row = (await running.system.app.users()).find(({ userId }) => userId === user.userId);
    if (row?.crm?.rejection?.reason === 'fails-in-crm') return;
  }
  throw new Error(`The CRM fails for the contact of ${user.userId}, who is not rejected`);
}

/** Makes the sync detect the array modes again, as it does every week. That removes a probe contact that an earlier detection left. */
export async function detectAgain(context: ChaosContext): Promise<void> {
  const { world, running } = context;
  const { cloud } = running.system;
  const dynamodb = new DynamoDBClient(cloud.sdk('DYNAMODB'));
  const table = syncTable(dynamodb, cloud.outputs['SyncTableName'] ?? '');
  const probe = await table.readProbe();
  const catalog = await table.readCatalog();
  if (probe?.startedAt && catalog) {
    const waitMs = Date.parse(probe.startedAt) + UNCERTAIN_WRITE_MS - Date.now();
    await sleep(Math.max(0, waitMs) + 1000);
    const { arrays: _, ...withoutModes } = catalog;
    await table.writeCatalog(withoutModes);
    // An environment uses a catalog for up to a minute. A deployment replaces the environments.
    await liftLimit(context);
    const user = world.pick(world.availableForPairs());
    if (user) await changeUser(context, user.userId, { firstName: 'Detected' });
  }
  dynamodb.destroy();
}
