import type { SQSRecord } from 'aws-lambda';
import { checkHealth } from '../../lambdas/check-health/check-health.ts';
import type { ConsumerPorts } from '../../lambdas/sync-contact/consumer.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import type { MessageCounts } from '../../shared/queue/count-messages.ts';
import { type Ledger, ledgerAt } from '../../shared/quota/ledger.ts';
import { BATCH_SIZE } from '../../shared/quota/pace.ts';
import { backoffMs } from '../../shared/quota/retry-policy.ts';
import { updateVersioned } from '../../shared/quota/versioned-store.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { seededRandom } from '../simulator/traffic/random.ts';
import { ANN } from './ann.ts';
import type { Sample } from './cloudwatch-alarm.ts';
import { BUDGET, consumerOf } from './consumer-under-test.ts';
import { memorySyncTable, memoryUserTable, type startCrm } from './crm-under-test.ts';
import { memoryStore } from './memory-store.ts';
import { userMessage } from './user-message.ts';

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const MIDNIGHT = Date.parse('2026-06-15T00:00:00Z');
const STEP = 15 * SECOND;

interface Message {
  id: string;
  body: UserMessage;
  sentAt: number;
  receives: number;
  /** When it becomes visible, in epoch milliseconds. */
  dueAt: number;
}

/**
 * The consumer, its queue and the health check on a clock that jumps. The consumer, the backoffs and `checkHealth` are the ones that are
 * deployed. SQS counts lag by up to a minute. What the functions and AWS emit is collected by metric name.
 */
export function alarmWorld(crm: Awaited<ReturnType<typeof startCrm>>, seed = 1) {
  const chance = seededRandom(seed);
  const samples = new Map<string, Sample[]>();
  const users = memoryUserTable();
  const table = { ...memorySyncTable(), ledger: memoryStore<Ledger>() };
  let now = MIDNIGHT;
  const clock = () => now;
  let queue: Message[] = [];
  let counts: MessageCounts = { visible: 0, hidden: 0, delayed: 0 };
  let sent = 0;
  const world = {
    samples,
    /** The error with which the CRM answers a request; undefined: success. The email is that in the body of the request, if any. */
    fault: (_email: string | undefined): Error | undefined => undefined,
    consumes: true,
    checks: true,
    /** Why changes of users do not reach diff-user. */
    changeFeedProblem: undefined as string | undefined,
    /** Batches that all environments together process in a step. */
    batches: 5,
    now: clock,
    queued: () => queue.length,
    table,
    emit(name: string, value: number) {
      const written = samples.get(name) ?? [];
      written.push({ at: now, value });
      samples.set(name, written);
    },
    /** A user signs up, or changes. */
    change(userId: string, more: Partial<UserMessage> = {}) {
      users.edit(userId, {
        ...ANN,
        userId,
        email: `${userId}@example.com`,
        firstName: `Ann ${sent}`,
      });
      const body = userMessage(userId, { changedAt: new Date(now).toISOString(), ...more });
      queue.push({ id: `m${sent++}`, body, sentAt: now, receives: 0, dueAt: now });
    },
    editLedger: (change: (ledger: Ledger) => Ledger) =>
      updateVersioned(table.ledger, (ledger) => change(ledgerAt(ledger, now))),
    /** Lets time pass. @param each is called at every step. */
    async run(forMs: number, each: (at: number) => void = () => {}) {
      for (const end = now + forMs; now < end; now += STEP) {
        each(now);
        if (world.consumes) for (let batch = 0; batch < world.batches && (await receive()); batch++);
        if (now % MINUTE === 0) {
          if (world.checks && (now / MINUTE) % 5 === 2) await check();
          count();
        }
      }
    },
  };

  const connect: ConsumerPorts['connect'] = ({ gate, onRequest }) =>
    new Proxy(crm.client, {
      get:
        (target, method: keyof InfusionsoftClient) =>
        async (...args: unknown[]) => {
          onRequest({ method: 'PUT', path: method, status: 200, durationMs: 150 });
          gate.started(now);
          const [body] = args as [{ email_addresses?: { email: string }[] }];
          const error = world.fault(body?.email_addresses?.[0]?.email);
          if (error) throw error;
          return (target[method] as (...args: unknown[]) => unknown)(...args);
        },
    });
  const hide = (records: readonly SQSRecord[], ms: number) => {
    const ids = new Set(records.map(({ messageId }) => messageId));
    for (const message of queue) if (ids.has(message.id)) message.dueAt = now + ms;
  };
  let deadLetters = 0;
  const consumer = consumerOf({ ...crm, table }, users, {
    connect,
    now: clock,
    recordLag: (ms) => world.emit('SyncLag', ms),
    queue: {
      scheduleRetry: async (records, error) => {
        const receives = Math.max(
          ...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount)),
        );
        hide(records, backoffMs(receives, error, chance()));
      },
      reject: async () => void deadLetters++,
      requeue: async () => {},
    },
  });

  /** Processes one batch of visible messages whose group has no hidden message. @returns whether there was one. */
  async function receive(): Promise<boolean> {
    const blocked = new Set(queue.filter(({ dueAt }) => dueAt > now).map(({ body }) => body.userId));
    const due = queue.filter(({ body }) => !blocked.has(body.userId)).slice(0, BATCH_SIZE);
    if (due.length === 0) return false;
    for (const message of due) message.receives++;
    const records = due.map(
      ({ id, body, sentAt, receives }) =>
        ({
          messageId: id,
          receiptHandle: id,
          body: JSON.stringify(body),
          attributes: {
            MessageGroupId: body.userId,
            ApproximateReceiveCount: String(receives),
            SentTimestamp: String(sentAt),
          },
        }) as SQSRecord,
    );
    const failed = new Set(await consumer.receive(...records));
    const done = new Set(due.map(({ id }) => id).filter((id) => !failed.has(id)));
    queue = queue.filter(({ id }) => !done.has(id));
    world.emit('Errors SyncContact', 0);
    return true;
  }

  async function check(): Promise<void> {
    const { gauges } = await checkHealth({
      countMessages: async () => counts,
      table,
      changeFeedProblem: async () => world.changeFeedProblem,
      budget: BUDGET,
      now: clock,
    });
    for (const [name, value] of Object.entries(gauges)) if (value !== undefined) world.emit(name, value);
  }

  /** Updates the counts that SQS returns for the next minute, and sends its metrics to CloudWatch. */
  function count(): void {
    const hidden = queue.filter(({ dueAt }) => dueAt > now).length;
    counts = { visible: queue.length - hidden, hidden, delayed: 0 };
    const oldest = Math.min(...queue.map(({ sentAt }) => sentAt));
    if (queue.length > 0) world.emit('ApproximateAgeOfOldestMessage Queue', (now - oldest) / SECOND);
    world.emit('ApproximateNumberOfMessagesVisible DeadLetterQueue', deadLetters);
  }
  return world;
}
