import type { SFNClient } from '@aws-sdk/client-sfn';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { messageGroupOf } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';
import type { SimulatedSystem } from '../demo/simulated-system.ts';
import type { CallbackReceiver } from '../support/callback-receiver.ts';
import type { FaultProxy } from './fault-proxy.ts';
import type { ManualChanges } from './manual-changes.ts';
import type { OwnLimit } from './own-limit.ts';
import type { World } from './world.ts';

/** What actions work with. */
export interface ChaosContext {
  world: World;
  running: SimulatedSystem;
  proxy: FaultProxy;
  ownLimit: OwnLimit;
  manualChanges: ManualChanges;
  /** Gets the events about changes in the CRM. */
  callback: CallbackReceiver;
  sqs: SQSClient;
  sfn: SFNClient;
  counts: { killed: number; duplicates: number; backfills: number; limitsRaised: number };
}

export type Action = (context: ChaosContext) => Promise<void>;

/** Any user whom an action may change. */
export const randomUser = ({ world }: ChaosContext): User | undefined => world.pick(world.changeable());

/** The user edits attributes in the app. Nothing happens if the user was deleted. */
export async function changeUser(
  { world, running }: ChaosContext,
  userId: string,
  changes: Partial<User>,
): Promise<void> {
  const user = world.users.get(userId);
  if (!user) return;
  world.change(user, changes);
  await running.system.app.edit(userId, changes);
}

/** The app writes the whole item of a user, who may be new. */
export async function putUser({ world, running }: ChaosContext, user: User): Promise<void> {
  const { crm: _, ...attributes } = user;
  world.change(attributes);
  await running.system.app.signUp(user);
}

/** The app deletes a user. Nothing happens if the user was deleted before. */
export async function removeUser({ world, running }: ChaosContext, userId: string): Promise<void> {
  if (!world.users.has(userId)) return;
  world.remove(userId);
  await running.system.app.remove(userId);
}

/** Reads the users of the table, with their `crm` maps. The app keeps some of these items, to write them back later. */
export async function readRows({ world, running }: ChaosContext): Promise<User[]> {
  const rows = await running.system.app.users();
  for (const row of rows) {
    if (row.crm && (!world.readItems.has(row.userId) || world.random() < 0.2))
      world.readItems.set(row.userId, row);
  }
  return rows;
}

/** Sends a message to the queue of the sync, in the group of a user. @param id the de-duplication id. */
export async function sendMessage(
  { running, sqs }: ChaosContext,
  userId: string,
  body: string,
  id: string,
): Promise<void> {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: running.system.cloud.outputs['QueueUrl'] ?? '',
      MessageBody: body,
      MessageGroupId: messageGroupOf(userId),
      MessageDeduplicationId: id,
    }),
  );
}
