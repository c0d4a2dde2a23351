import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { sendPoll } from '../../shared/polls/send-poll.ts';
import type { PollMessage } from '../../shared/sync/message.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import {
  type CallbackReceiver,
  signingSecretOf,
  startCallbackReceiver,
} from '../support/callback-receiver.ts';
import { commandsOn } from '../support/command.ts';
import { shown } from '../support/polls-under-test.ts';

const SETTLE_MS = 120_000;
const USERS = population(3, 71, Date.now()).users;
const ANN = USERS[0]?.userId ?? '';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAPPING = 'shared/user/mapping.events-under-test.ts';
const MAPPING_SOURCE = `import type { Mapping } from './define-mapping.ts';
import { mapping as today } from './mapping.ts';
export const mapping: Mapping = { ...today, inbound: ['emailStatus', 'job_title'] };
`;

let running: SimulatedSystem;
let receiver: CallbackReceiver;
let withdraw = () => {};
const command = commandsOn(() => running.system);

beforeAll(async () => {
  writeFileSync(`${ROOT}${MAPPING}`, MAPPING_SOURCE);
  receiver = await startCallbackReceiver(signingSecretOf(() => running?.system.cloud));
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '5', '--latency-p95', '10', '--search-delay', '0'],
    settings: {
      mapping: MAPPING,
      crm: { windowSlackMs: BUSY_SLACK_MS },
      events: { callback: { url: 'http://127.0.0.1:1/' }, resources: ['orders', 'users'] },
    },
    cloud: { variables: { CALLBACK_URL: receiver.url } },
  });
  const { cloud, app } = running.system;
  withdraw = publishConnection(running.system.connection);
  await Promise.all(USERS.map((user) => app.signUp(user)));
  await cloud.untilIdle(SETTLE_MS);
  await poll('listing');
});
afterAll(async () => {
  withdraw();
  receiver?.stop();
  await running?.stop();
  rmSync(`${ROOT}${MAPPING}`, { force: true });
});

async function poll(kind: PollMessage['poll']): Promise<void> {
  const { cloud } = running.system;
  const message = {
    version: 1,
    kind: 'poll-crm',
    poll: kind,
    scheduledAt: new Date().toISOString(),
  } as const;
  await sendPoll(new SQSClient(cloud.sdk('SQS')), cloud.outputs['QueueUrl'] ?? '', message);
  await cloud.untilIdle(SETTLE_MS);
}

const contactOf = async (userId: string) =>
  (await running.system.app.users()).find((user) => user.userId === userId)?.crm?.contactId ?? 0;

describe('changes that a person makes in the CRM', () => {
  it('arrive at a real callback, signed, and none of the sync’s own writes does', async () => {
    const contactId = await contactOf(ANN);
    await running.controlApi.edit(contactId, {
      values: { job_title: 'Coach' },
      addTags: ['VIP'],
      removeTags: ['App User'],
    });
    await running.system.app.edit(USERS[1]?.userId ?? '', { subscription: { status: 'expired' } });
    await running.system.cloud.untilIdle(SETTLE_MS);
    for (const kind of ['changes', 'opt-outs', 'listing'] as const) await poll(kind);
    expect(shown(receiver.events).sort((a, b) => a.type.localeCompare(b.type))).toMatchObject([
      {
        type: 'contact.changed',
        subject: ANN,
        contactId,
        fields: ['job_title'],
        values: { job_title: 'Coach' },
      },
      { type: 'tag.applied', subject: ANN, contactId, tagName: 'VIP' },
      { type: 'tag.removed', subject: ANN, contactId, tagName: 'App User' },
    ]);
    expect(receiver.forged).toBe(0);
  });

  it('an unsubscribe is on the row and at the callback, also if that was down', async () => {
    const before = receiver.events.length;
    const contactId = await contactOf(ANN);
    await running.controlApi.edit(contactId, { emailStatus: 'ListUnsubscribe' });
    receiver.answers.push(503);
    await poll('opt-outs');
    expect(shown(receiver.events.slice(before))).toEqual([
      { type: 'contact.unsubscribed', subject: ANN, contactId, field: 'EMAIL1', status: 'LIST_UNSUBSCRIBE' },
    ]);
    const row = (await running.system.app.users()).find(({ userId }) => userId === ANN);
    expect(row?.crm).toMatchObject({ contactId, emailStatus: 'LIST_UNSUBSCRIBE' });
    expect(running.system.metrics.sum('Events.failed')).toBe(1);
  });

  it('of other resources arrive too: a purchase by the next poll, a new member of the staff by the next listing', async () => {
    const before = receiver.events.length;
    const contactId = await contactOf(ANN);
    const order_date = new Date().toISOString();
    const order = { title: 'Mat', order_date, creation_date: order_date, contact: { id: contactId } };
    const { id: itemId } = await running.controlApi.addRecord('orders', order);
    const { id: member } = await running.controlApi.addRecord('users', { email: 'heidi@example.com' });
    for (const kind of ['changes', 'changes', 'listing', 'listing'] as const) await poll(kind);
    expect(shown(receiver.events.slice(before))).toMatchObject([
      { type: 'order.created', subject: ANN, itemId, contactId },
      { type: 'user.created', itemId: member },
    ]);
  });

  it('the receiver refuses a forged event', async () => {
    const [event] = receiver.events;
    const body = JSON.stringify({ ...event, id: 'forged' });
    const sentAt = new Date();
    const signature = new Webhook(Buffer.alloc(33).toString('base64')).sign('forged', sentAt, body);
    const headers = {
      'webhook-id': 'forged',
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
      'webhook-signature': signature,
    };
    expect((await fetch(receiver.url, { method: 'POST', headers, body })).status).toBe(401);
    expect(receiver.forged).toBe(1);
    expect(receiver.events.map(({ id }) => id)).not.toContain('forged');
  });
});

describe('user-sync events', () => {
  it('shows how far changes were read, the counts, and the last events', async () => {
    const { code, out } = await command('events', ['--json']);
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report.polls.map(({ poll: kind }: { poll: string }) => kind)).toEqual([
      'contacts',
      'tags',
      'opt-outs',
      'listing',
      'orders',
      'orders-listing',
      'users-listing',
    ]);
    expect(report.counts).toMatchObject({ 'crm.contact.unsubscribed.v1': 1, 'crm.tag.applied.v1': 1 });
    expect(report.recent.slice(0, 3)).toMatchObject([
      { type: 'crm.user.created.v1', itemId: expect.any(Number) },
      { type: 'crm.order.created.v1', subject: ANN },
      { type: 'crm.contact.unsubscribed.v1', subject: ANN },
    ]);
    expect(report.callback).toEqual({ waiting: 0, deadLetters: 0 });
    const { out: text } = await command('events', []);
    expect(text).toMatch(/contacts +\S+ +\d+ s ago/);
    expect(text).toMatch(/crm\.user\.created\.v1 {2}item \d+ {2}/);
  });

  it('calculates the requests of the polls', async () => {
    const { code, out } = await command('events', ['--requests', '--contacts', '100000']);
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/full listing of contacts +100\n.*orders by order_date +96\n/),
    });
    expect((await command('events', ['--contacts', '5'])).err).toMatch(/belong to --requests/);
  });

  it('replays what changed since a time', async () => {
    const before = receiver.events.length;
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const { code, out } = await command('events', ['--replay', '--since', since]);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/replay/i) });
    await running.system.cloud.untilIdle(SETTLE_MS);
    expect(shown(receiver.events.slice(before))).toMatchObject([
      { type: 'contact.changed', subject: ANN, fields: ['job_title'] },
      { type: 'tag.applied', subject: ANN, tagName: 'VIP' },
      { type: 'order.created', subject: ANN },
    ]);
  });
});
