import type { SFNClient } from '@aws-sdk/client-sfn';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import { messageGroupOf, userMessage } from '../../shared/sync/message.ts';
import type { SimulatedSystem } from '../demo/simulated-system.ts';
import { SEARCH_MODES } from '../simulator/account/search.ts';
import { FAULT_KINDS } from '../simulator/traffic/faults.ts';
import { functionFolder } from '../support/function-folder.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { NO_EMAIL, type World } from './world.ts';

export interface ChaosContext {
  world: World;
  running: SimulatedSystem;
  proxy: FaultProxy;
  sqs: SQSClient;
  sfn: SFNClient;
  counts: { killed: number; duplicates: number; backfills: number };
}

type Action = (context: ChaosContext) => Promise<void>;

const randomUser = ({ world }: ChaosContext) => world.pick([...world.users.values()]);

const edit: Action = async (context) => {
  const { world, running } = context;
  const user = randomUser(context);
  if (!user) return;
  const changes = world.edit(user);
  if (changes.email === NO_EMAIL) world.withoutEmail.add(user.userId);
  world.users.set(user.userId, { ...user, ...changes });
  world.changes++;
  await running.system.app.edit(user.userId, changes);
};

/** Sends an old message again, possibly that of a deletion. */
const duplicate: Action = async ({ world, running, sqs, counts }) => {
  const userId = world.pick([...world.users.keys()]);
  if (!userId) return;
  const cause = world.pick(['changed', 'created', 'backfill', 'deleted'] as const) ?? 'changed';
  const message = userMessage(userId, { cause, changedAt: 0 });
  counts.duplicates++;
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: running.system.cloud.outputs['QueueUrl'] ?? '',
      MessageBody: JSON.stringify(message),
      MessageGroupId: messageGroupOf(userId),
      MessageDeduplicationId: `chaos-${counts.duplicates}`,
    }),
  );
};

/** Maximum number of forbidden users. */
const MAX_FORBIDDEN = 5;
/** All faults except an exceeded quota, which is a separate action. */
const KINDS = FAULT_KINDS.filter((kind) => kind !== 'quota');

/** Actions by name, with weights that add up to about 100. */
export const ACTIONS: Readonly<Record<string, readonly [weight: number, action: Action]>> = {
  edit: [47, edit],
  burst: [
    4,
    async (context) => {
      for (let time = 0; time < 5; time++) await edit(context);
    },
  ],
  create: [
    10,
    async ({ world, running }) => {
      const user = world.nextUser();
      if (!user) return;
      world.users.set(user.userId, user);
      world.changes++;
      await running.system.app.signUp(user);
    },
  ],
  delete: [
    4,
    async (context) => {
      const user = randomUser(context);
      if (!user) return;
      context.world.users.delete(user.userId);
      context.world.changes++;
      await context.running.system.app.remove(user.userId);
    },
  ],
  recreate: [
    3,
    async (context) => {
      const { world, running } = context;
      const user = randomUser(context);
      if (!user) return;
      world.changes += 2;
      await running.system.app.remove(user.userId);
      const again = { ...user, firstName: `${user.firstName} Again` };
      world.users.set(user.userId, again);
      await running.system.app.signUp(again);
    },
  ],
  duplicate: [6, duplicate],
  kill: [
    8,
    async ({ running, counts, world }) => {
      const { cloud } = running.system;
      const folder = world.pick([...Array(4).fill('sync-contact'), 'diff-user', 'backfill'] as string[]);
      const name = Object.keys(cloud.statistics().functions).find((each) => functionFolder(each) === folder);
      if (name === undefined) throw new Error(`The stack has no function ${folder}`);
      if (cloud.killEnvironment(name)) counts.killed++;
    },
  ],
  // Only one backfill per mode runs at a time. Others are skipped.
  backfill: [
    6,
    async ({ world, running, sfn, counts }) => {
      counts.backfills++;
      const mode = world.pick(['contacts', 'contacts', 'tags', 'refresh'] as const);
      await startBackfill(sfn, running.system.cloud.outputs['BackfillStateMachineArn'] ?? '', { mode });
    },
  ],
  // The CRM rejects every request about a user with 403 until the end of the actions.
  forbid: [
    2,
    async (context) => {
      const { world, running } = context;
      const user = randomUser(context);
      if (!user?.email || world.forbidden.size === MAX_FORBIDDEN) return;
      world.forbidden.set(user.userId, user.email);
      await running.door.set('forbidden', { emails: [...world.forbidden.values()] });
    },
  ],
  faults: [
    8,
    async ({ world, running }) => {
      const kinds = KINDS.filter(() => world.random() < 0.4);
      const rate = world.random() < 0.4 ? 0 : world.random() * 0.6;
      await running.door.set('faults', {
        rate: kinds.length > 0 ? rate : 0,
        kinds: kinds.length > 0 ? kinds : [...KINDS],
        hangMs: 1500,
        slowMs: 700,
      });
    },
  ],
  // Rare, because an exceeded quota pauses everything for a minute.
  quota: [0.4, ({ running }) => running.door.set('faults', { rate: 0.2, kinds: ['quota'] })],
  search: [2, ({ world, running }) => running.door.set('search', { mode: world.pick(SEARCH_MODES) })],
  throttle: [
    4,
    async ({ world, proxy }) => {
      proxy.throttleRate = world.random() < 0.5 ? 0 : world.random() * 0.5;
    },
  ],
  cutOff: [
    4,
    async ({ world, proxy }) => {
      proxy.cutOffRate = world.random() < 0.5 ? 0 : world.random() * 0.3;
    },
  ],
  drift: [
    2,
    async (context) => {
      const { world, running } = context;
      const user = randomUser(context);
      const row = (await running.system.app.users()).find(({ userId }) => userId === user?.userId);
      const contactId = row?.crm?.contactId;
      // The item can still name a contact that an earlier drift has removed.
      if (!user || !contactId || world.drifted.has(user.userId)) return;
      world.drifted.add(user.userId);
      if (world.random() < 0.5) return running.door.removeContact(contactId);
      const [survivor] = await running.door.addContacts([
        { values: { 'email_addresses.EMAIL1': `old.${user.email}` } },
      ]);
      if (survivor) await running.door.merge(contactId, survivor.id);
    },
  ],
};
