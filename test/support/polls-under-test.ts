import { expect } from 'vitest';
import type { CloudEvent, PolledName } from '../../shared/events/event-types.ts';
import { type EventStore, eventStore } from '../../shared/store/event-store.ts';
import { POLL_GROUP, type PollMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import type { SimulatorOptions } from '../simulator/simulator.ts';
import { type ConsumerOptions, consumerOf, record } from './consumer-under-test.ts';
import { memoryUserTable, startCrm } from './crm-under-test.ts';
import { fakeDynamoDb } from './fake-dynamodb.ts';
import { userMessage } from './user-message.ts';

const MINUTE_MS = 60_000;
/** Half an hour before the end of a day, a month and a year. */
const START = Date.parse('2026-12-31T23:30:00Z');

const inboundMapping: Mapping = { ...defaultMapping, inbound: ['emailStatus', 'given_name'] };

/** A system that polls a simulated CRM, on a clock of its own, with everything in memory. */
export async function startPolls(
  options: SimulatorOptions = {},
  {
    mapping = inboundMapping,
    resources = [],
    startAt,
    store: ownStore,
    ...consumerOptions
  }: ConsumerOptions & {
    mapping?: Mapping;
    resources?: readonly PolledName[];
    startAt?: number;
    /** Default: an empty one. */
    store?: EventStore;
  } = {},
) {
  let at = START;
  const now = () => at;
  const crm = await startCrm({ searchDelayMs: 0, now, ...options }, mapping);
  await crm.admin.declareOwnership(mapping);
  const users = memoryUserTable();
  const dynamodb = fakeDynamoDb();
  const store = ownStore ?? eventStore(dynamodb.client, 'sync');
  const published: CloudEvent[] = [];
  const continued: PollMessage[] = [];
  /** Functions that run before and after events are published. They can throw. */
  const faults: { beforePublish?: (() => void) | undefined; publish?: (() => void) | undefined } = {};
  const consumer = consumerOf(crm, users, {
    now,
    ...consumerOptions,
    events: {
      store,
      publisher: {
        publish: async (events) => {
          faults.beforePublish?.();
          published.push(...events);
          faults.publish?.();
        },
      },
      source: '/user-sync/test',
      continuePoll: async (message) => void continued.push(message),
      resources,
      startAt,
    },
  });
  const message = (poll: PollMessage['poll'], more: Partial<PollMessage> = {}): PollMessage => ({
    version: 1,
    kind: 'poll-crm',
    poll,
    scheduledAt: new Date(at).toISOString(),
    ...more,
  });
  const pass = (minutes: number) => {
    at += minutes * MINUTE_MS;
  };
  /** Delivers a message, and those that continue it, until all are processed. @returns the number of deliveries. */
  const deliver = async (sent: PollMessage): Promise<number> => {
    let deliveries = 0;
    for (let next: PollMessage | undefined = sent; next; next = continued.shift()) {
      while ((await consumer.receive(record(next, POLL_GROUP))).length > 0) {
        deliveries++;
        expect(deliveries, JSON.stringify(consumer.retries.at(-1)?.error)).toBeLessThan(50);
        at += 1000;
      }
      deliveries++;
      expect(deliveries, 'The poll continues without an end').toBeLessThan(100);
    }
    return deliveries;
  };
  return {
    crm,
    users,
    store,
    dynamodb,
    consumer,
    published,
    continued,
    faults,
    now,
    pass,
    message,
    deliver,
    poll: async (poll: PollMessage['poll'], more: Partial<PollMessage> = {}) => {
      pass(15);
      const before = published.length;
      await deliver(message(poll, more));
      return published.slice(before);
    },
    /** Signs up or changes a user in the app, and syncs it. */
    sync: async (userId: string, changes: Record<string, unknown>) => {
      users.edit(userId, { userId, ...changes });
      at += 1000;
      await consumer.receive(record(userMessage(userId)));
    },
    /** Adds contacts that belong to none of the app's users. */
    addStrangers: (count: number) =>
      crm.preload(
        ...Array.from({ length: count }, (_, index) => ({
          values: {
            'email_addresses.EMAIL1': `stranger${index}@example.com`,
            given_name: `Stranger ${index}`,
          },
          emailStatus: 'SingleOptIn' as const,
        })),
      ),
  };
}

export type Polls = Awaited<ReturnType<typeof startPolls>>;

/** Events without the envelope: kind, subject and data. */
export const shown = (events: readonly CloudEvent[]) =>
  events.map(({ type, subject, data }) => ({
    type: type.replace(/^crm\.(.*)\.v1$/, '$1'),
    ...(subject !== undefined && { subject }),
    ...data,
  }));
