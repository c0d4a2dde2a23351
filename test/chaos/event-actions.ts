import { sendPoll } from '../../shared/polls/send-poll.ts';
import type { PollMessage } from '../../shared/sync/message.ts';
import type { Action, ChaosContext } from './chaos-context.ts';

const POLLS = ['changes', 'opt-outs', 'listing'] as const satisfies PollMessage['poll'][];
/** Share of polls after which the callback does not accept the next event. */
const REFUSED_SHARE = 0.2;

/** Starts a poll, as a schedule does. */
export async function startPoll(
  { running, sqs }: Pick<ChaosContext, 'running' | 'sqs'>,
  poll: PollMessage['poll'],
): Promise<void> {
  const scheduledAt = new Date().toISOString();
  await sendPoll(sqs, running.system.cloud.outputs['QueueUrl'] ?? '', {
    ...{ version: 1, kind: 'poll-crm', poll, scheduledAt },
  });
}

/** Starts a poll. The callback may refuse the next event. */
export const poll: Action = async (context) => {
  const { world, callback } = context;
  if (world.random() < REFUSED_SHARE) callback.answers.push(503);
  await startPoll(context, world.pick(POLLS) ?? 'changes');
};

/** A person changes or deletes a contact that belongs to no user, or adds an order for it. */
export const byHand: Action = async ({ running: { controlApi }, world, manualChanges }) => {
  const change = manualChanges.next(world.random);
  if (!change) return;
  const { kind, contactId } = change;
  switch (kind) {
    case 'contact.changed':
      return controlApi.edit(contactId, { values: { job_title: `Coach ${contactId}` } });
    case 'tag.applied':
      return controlApi.edit(contactId, { addTags: ['Called'] });
    case 'tag.removed':
      return controlApi.edit(contactId, { removeTags: ['VIP'] });
    case 'contact.unsubscribed':
      return controlApi.edit(contactId, { emailStatus: 'ListUnsubscribe' });
    case 'contact.deleted':
      return controlApi.removeContact(contactId);
    case 'order.created': {
      const order_date = new Date().toISOString();
      const order = { title: 'Mat', order_date, creation_date: order_date, contact: { id: contactId } };
      await controlApi.addRecord('orders', order);
    }
  }
};
