import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it, vi } from 'vitest';
import type { ConsumerPorts } from '../../../lambdas/sync-contact/consumer.ts';
import { processBatch } from '../../../lambdas/sync-contact/process-batch.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { requestJournal } from '../../../shared/infusionsoft/http/request-journal.ts';
import { type Ledger, ledgerAt } from '../../../shared/quota/ledger.ts';
import { BACKFILL_HIDDEN_MS } from '../../../shared/quota/retry-policy.ts';
import { updateVersioned } from '../../../shared/quota/versioned-store.ts';
import { CloudError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { Message } from '../../../shared/sync/message.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { BUDGET, type ConsumerOptions, consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryPostponedStore, memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('a user who cannot be synced', () => {
  startCrmForEachTest();

  it('goes to the dead-letter queue at once, without a request, and other users are synced', async () => {
    const users = memoryUserTable({ ...ANN, userId: 'bob', email: 'nobody' }, ANN);
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(async () => {
      expect(await receive(record(userMessage('bob')), record(userMessage('ann')))).toEqual([]);
    });
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
    expect(outcomes.sort()).toEqual(['rejected', 'synced']);
    expect(rejected).toMatchObject([{ error: { reason: 'no-usable-email' } }]);
    expect(users.user('bob').crm?.rejection).toMatchObject({
      reason: 'no-usable-email',
      errorId: rejected[0]?.error.errorId,
    });
  });

  it('is no longer marked as rejected once a sync succeeds', async () => {
    const users = memoryUserTable({ ...ANN, email: 'nobody' });
    const { receive } = consumerOf(crm, users);
    await receive(record(userMessage('ann')));
    users.edit('ann', { email: 'ann@example.com' });
    await receive(record(userMessage('ann')));
    expect(users.user('ann').crm).toHaveProperty('contactId');
    expect(users.user('ann').crm).not.toHaveProperty('rejection');
  });

  it('is a user whom the CRM refuses', async () => {
    const names = await crm.catalog.current();
    const broken = {
      ...names,
      customFields: Object.fromEntries(Object.keys(names.customFields).map((key) => [key, 999])),
    };
    const users = memoryUserTable(ANN);
    await crm.table.writeCatalog({ ...broken, refreshedAt: new Date(Date.now() + 1000).toISOString() });
    await crm.catalog.newerThan(Date.now());
    const { receive, rejected } = consumerOf(crm, users);
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'refused-by-crm', status: 400 } }]);
  });

  it('is a user whose tag the account may not apply; the contact is kept', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id) => [id, 'NO_PERMISSION']));
    const { receive, rejected } = consumerOf(crm, users, { client: { ...crm.client, applyTags } });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'tag-not-permitted' } }]);
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
  });

  it('can be an unreadable message, and other messages of its group are handled', async () => {
    const users = memoryUserTable(ANN);
    const { receive, rejected } = consumerOf(crm, users);
    expect(
      await receive(record('{"hello":1}', 'ann'), record('not json', 'ann'), record(userMessage('ann'))),
    ).toEqual([]);
    expect(rejected.map(({ error }) => error.reason)).toEqual(['unreadable-message', 'unreadable-message']);
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
  });
});

describe('a failure that can pass', () => {
  startCrmForEachTest();

  const failing = (method: keyof InfusionsoftClient): InfusionsoftClient => ({
    ...crm.client,
    [method]: async () => {
      throw new RetryableError('down', { afterMs: 5000 });
    },
  });

  it('keeps all messages of the user in the queue, and no others', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    await consumerOf(crm, users).receive(record(userMessage('bob')));
    users.edit('ann', { firstName: 'Anna' });
    const { receive, retries, outcomes } = consumerOf(crm, users, { client: failing('upsertContact') });
    const records = [record(userMessage('ann')), record(userMessage('bob')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[2]?.messageId]);
    expect(retries).toMatchObject([{ error: { afterMs: 5000 } }]);
    expect(outcomes.sort()).toEqual(['postponed', 'unchanged']);
  });

  it('after the contact was created does not create it again', async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users, { client: failing('applyTags') }).receive(record(userMessage('ann')));
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
    expect(await crm.requestsOf(() => consumerOf(crm, users).receive(record(userMessage('ann'))))).toEqual({
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.contacts())[0]?.tags).toEqual(ANN_TAGS);
  });

  it('can be a tag that the CRM did not apply although it answered 200', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id, index) => [id, index === 0 ? 'FAILURE' : 'SUCCESS']));
    const one = record(userMessage('ann'));
    expect(await consumerOf(crm, users, { client: { ...crm.client, applyTags } }).receive(one)).toEqual([
      one.messageId,
    ]);
    expect(users.user('ann').crm?.tagIds).toHaveLength(3);
  });
});

describe('the progress that check-health reads', () => {
  startCrmForEachTest();

  const MINUTE = 60_000;
  /** A consumer that is told of its requests, as by the client of the function, and a clock, since progress is written once a minute. */
  const environment = (users: ReturnType<typeof memoryUserTable>) => {
    const clock = { now: NOW };
    const connect: ConsumerPorts['connect'] = ({ onRequest }) =>
      new Proxy(crm.client, {
        get: (target, method: keyof InfusionsoftClient) => {
          const call = target[method] as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => {
            onRequest({ method: 'PUT', path: method, status: 200, durationMs: 1 });
            return call(...args);
          };
        },
      });
    const { receive } = consumerOf(crm, users, { connect, now: () => clock.now });
    const progressAfter = async (...messages: Parameters<typeof receive>) => {
      clock.now += MINUTE;
      await receive(...messages);
      return (await crm.table.progress.read())?.value;
    };
    return { progressAfter };
  };

  it('counts as a success of the CRM only what made a request', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'nobody' });
    const { progressAfter } = environment(users);
    const [first, second] = [NOW + MINUTE, NOW + 2 * MINUTE];
    expect(await progressAfter(record(userMessage('gone')), record(userMessage('bob')))).toMatchObject({
      activeAt: first,
      syncedAt: 0,
    });
    expect(await progressAfter(record(userMessage('ann')))).toMatchObject({ syncedAt: second });
    expect(await progressAfter(record(userMessage('ann')))).toMatchObject({
      activeAt: NOW + 3 * MINUTE,
      syncedAt: second,
    });
  });

  it('includes tag jobs', async () => {
    const userIds = ['a', 'b', 'c', 'd', 'e', 'f'];
    const users = memoryUserTable(
      ...userIds.map((userId) => ({ ...ANN, userId, email: `${userId}@example.com` })),
    );
    const { progressAfter } = environment(users);
    await progressAfter(
      ...userIds.map((userId) => record(userMessage(userId, { cause: 'backfill', tagsLater: true }))),
    );
    const changedAt = new Date(NOW).toISOString();
    const message: Message = { version: 1, kind: 'tag-users', userIds, changedAt, correlationId: 'run' };
    expect(await progressAfter(record(message, 'tags'))).toMatchObject({ syncedAt: NOW + 2 * MINUTE });
    expect(await progressAfter(record(message, 'tags'))).toMatchObject({
      activeAt: NOW + 3 * MINUTE,
      syncedAt: NOW + 2 * MINUTE,
    });
  });
});

describe('a user who fails several times in a row', () => {
  startCrmForEachTest();

  const down = (error: Error): InfusionsoftClient => ({
    ...crm.client,
    upsertContact: async () => {
      throw error;
    },
  });
  const delivered = (times: number, message = userMessage('ann')) => {
    const each = record(message);
    each.attributes.ApproximateReceiveCount = String(times);
    return each;
  };

  it('is recorded as postponed from the third failure until a success', async () => {
    const users = memoryUserTable(ANN);
    const postponed = memoryPostponedStore();
    const failing = consumerOf(crm, users, {
      client: down(new RetryableError('The account may not do this (403)')),
      postponed,
    });
    await failing.receive(delivered(2));
    expect(await postponed.read(['ann'])).toEqual(new Map());
    for (const times of [3, 4]) {
      await failing.receive(delivered(times));
      expect(await postponed.read(['ann', 'bob'])).toEqual(
        new Map([['ann', { reason: 'The account may not do this (403)', at: new Date(NOW).toISOString() }]]),
      );
    }
    await consumerOf(crm, users, { postponed }).receive(delivered(5));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('is recorded when the CRM never answers an upsert', async () => {
    const users = memoryUserTable(ANN);
    const postponed = memoryPostponedStore();
    const client = infusionsoftClient({
      url: 'http://crm.local',
      fetch: async () => Response.json({ message: 'Unknown owner' }, { status: 500 }),
    });
    await consumerOf(crm, users, {
      client: { ...crm.client, upsertContact: client.upsertContact },
      postponed,
    }).receive(delivered(3));
    expect((await postponed.read(['ann'])).size).toBe(1);
  });

  it('is no longer recorded once it is rejected', async () => {
    const postponed = memoryPostponedStore();
    await postponed.record('ann', { reason: 'The CRM failed (500)', at: new Date(NOW).toISOString() });
    const users = memoryUserTable({ ...ANN, email: 'nobody' });
    await consumerOf(crm, users, { postponed }).receive(delivered(4));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('is not recorded while it waits for something with a known end, such as a pause or a lease', async () => {
    const postponed = memoryPostponedStore();
    const client = down(new RetryableError('Somebody else works on this user', { afterMs: 1000 }));
    await consumerOf(crm, memoryUserTable(ANN), { client, postponed }).receive(delivered(9));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('stays in the queue when the record cannot be written', async () => {
    const consumer = consumerOf(crm, memoryUserTable(ANN), {
      client: down(new RetryableError('down')),
      postponed: {
        record: async () => {
          throw new Error('DynamoDB is down');
        },
        clear: async () => {},
      },
    });
    const one = delivered(3);
    expect(await consumer.receive(one)).toEqual([one.messageId]);
    expect(consumer.retries).toHaveLength(1);
  });

  it('does not hold up others when the record cannot be cleared', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const clear = async () => {
      throw new Error('DynamoDB is down');
    };
    const consumer = consumerOf(crm, users, { postponed: { record: async () => {}, clear } });
    expect(await consumer.receive(delivered(4), record(userMessage('bob')))).toEqual([]);
    expect(consumer.outcomes).toEqual(['synced', 'synced']);
  });

  it.each([
    ['after two failures', 3, 0],
    ['after a long wait', 1, 11 * 60_000],
  ])('gets its tags from its own message %s, since the backfill may be over', async (_, times, ageMs) => {
    const users = memoryUserTable(ANN);
    const changedAt = new Date(NOW - ageMs).toISOString();
    const message = { ...userMessage('ann'), cause: 'backfill', tagsLater: true, changedAt } as const;
    await consumerOf(crm, users).receive(delivered(times, message));
    expect((await crm.contacts())[0]?.tags).toEqual(ANN_TAGS);
  });
});

describe('a queue that fails', () => {
  startCrmForEachTest();

  it('keeps the messages that could not be moved, and other users are synced', async () => {
    const users = memoryUserTable(
      { ...ANN, userId: 'bob', email: 'nobody' },
      { ...ANN, userId: 'cleo', email: 'cleo@example.com' },
      ANN,
    );
    const upsertContact: InfusionsoftClient['upsertContact'] = async (body) => {
      if (body.email_addresses?.[0]?.email?.startsWith('cleo')) throw new RetryableError('down');
      return crm.client.upsertContact(body);
    };
    const { receive, outcomes, queue } = consumerOf(crm, users, { client: { ...crm.client, upsertContact } });
    queue.reject = queue.scheduleRetry = async () => {
      throw new Error('throttled');
    };
    const records = [record(userMessage('bob')), record(userMessage('cleo')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[1]?.messageId]);
    expect(outcomes).toContain('synced');
  });
});

describe('a spent quota', () => {
  startCrmForEachTest();

  const editLedger = (change: (ledger: Ledger) => Ledger) =>
    updateVersioned(crm.table.ledger, (ledger) => change(ledgerAt(ledger, NOW)));

  it('keeps every message in the queue until the reset, without a request', async () => {
    const users = memoryUserTable(ANN);
    const pause = { reason: 'day', since: NOW, until: NOW + 3_600_000 } as const;
    await editLedger((ledger) => ({ ...ledger, pause }));
    const { receive, retries, rejected } = consumerOf(crm, users);
    const kept = await receive(record(userMessage('ann')), record(userMessage('ann', { cause: 'backfill' })));
    expect(kept).toHaveLength(2);
    expect(retries).toMatchObject([{ error: { afterMs: 3_600_000 } }]);
    expect(rejected).toEqual([]);
    expect((await crm.admin.stats()).totalRequests).toBe(0);
  });

  it('of backfills keeps only their messages in the queue', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const used = BUDGET.limits.day * (1 - BUDGET.liveReserve);
    await editLedger((ledger) => ({ ...ledger, day: { ...ledger.day, used } }));
    const { receive, retries, outcomes } = consumerOf(crm, users);
    const backfilled = record(userMessage('bob', { cause: 'backfill' }));
    expect(await receive(record(userMessage('ann')), backfilled)).toEqual([backfilled.messageId]);
    expect(outcomes.sort()).toEqual(['postponed', 'synced']);
    expect(retries).toMatchObject([{ error: { reason: 'backfill', afterMs: BACKFILL_HIDDEN_MS } }]);
  });
});

describe('the log', () => {
  startCrmForEachTest();

  const logged = async (
    users: ReturnType<typeof memoryUserTable>,
    records: Parameters<ReturnType<typeof consumerOf>['receive']>,
    options: ConsumerOptions = {},
  ) => {
    const lines: unknown[][] = [];
    const logger = new Logger({ logLevel: 'SILENT' });
    for (const level of ['info', 'warn', 'error'] as const)
      vi.spyOn(logger, level).mockImplementation((...line) => void lines.push(line));
    await consumerOf(crm, users, { logger, ...options }).receive(...records);
    return lines;
  };

  it('has a line for each outcome, with the user and where the change came from', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'nobody' });
    const message = userMessage('ann', { correlationId: 'event-1' });
    const contactId = expect.any(Number);
    expect(await logged(users, [record(message)])).toEqual([
      ['Synced', expect.objectContaining({ userId: 'ann', contactId, correlationIds: ['event-1'] })],
    ]);
    expect(await logged(users, [record(message)])).toEqual([
      ['Unchanged', expect.objectContaining({ userId: 'ann', contactId })],
    ]);
    expect(await logged(users, [record(userMessage('bob'))])).toEqual([
      ['Rejected', expect.objectContaining({ userId: 'bob', reason: 'no-usable-email' })],
    ]);
    expect(await logged(users, [record('not json', 'ann')])).toEqual([
      ['Rejected', expect.objectContaining({ reason: 'unreadable-message' })],
    ]);
    users.rows.delete('ann');
    expect(await logged(users, [record(userMessage('ann', { cause: 'deleted' }))])).toEqual([
      ['Retired', expect.objectContaining({ userId: 'ann' })],
    ]);
  });

  it('names the problem of a retry, and not the answer that may hold personal data', async () => {
    const upsertContact = async () => {
      throw new RetryableError('The CRM failed (500)', { cause: new Error('ann@example.com') });
    };
    const lines = await logged(memoryUserTable(ANN), [record(userMessage('ann'))], {
      client: { ...crm.client, upsertContact },
    });
    expect(lines).toEqual([
      [
        'Retry scheduled',
        expect.objectContaining({ userId: 'ann', problem: 'The CRM failed (500)', cause: 'Error' }),
      ],
    ]);
  });
});

type Work = Parameters<typeof processBatch>[1]['processTask'];

interface Parts {
  processTask?: Work;
  /** Whether the queue fails. */
  isQueueDown?: boolean;
}

/** Handles a batch. What its tasks do is given. */
async function handle(
  records: ReturnType<typeof record>[],
  { processTask = async () => true, isQueueDown = false }: Parts = {},
) {
  const done: { ids: string[]; isOfBackfill: boolean }[] = [];
  const rejected: string[] = [];
  const retried: string[] = [];
  const cleared: string[] = [];
  const outcomes: string[] = [];
  const progress: unknown[] = [];
  const lines: unknown[][] = [];
  let isOfBackfill = false;
  const move = async (list: string[], ids: string[]) => {
    if (isQueueDown) throw new RangeError('throttled');
    list.push(...ids);
  };
  const logger = new Logger({ logLevel: 'SILENT' });
  for (const level of ['warn', 'error'] as const)
    vi.spyOn(logger, level).mockImplementation((...line) => void lines.push(line));
  const { batchItemFailures } = await processBatch(records, {
    async processTask(task) {
      done.push({ ids: task.deliveries.map((each) => each.record.messageId), isOfBackfill });
      return processTask(task);
    },
    quota: {
      refresh: async () => ({ pause: undefined, backfillPausedUntil: undefined }),
      limit: (limiter) => limiter,
      recordUsage: async () => {},
      asBackfill: async (work) => {
        isOfBackfill = true;
        return work().finally(() => {
          isOfBackfill = false;
        });
      },
    },
    progress: {
      succeeded: ({ id }, work) => void progress.push([id, work]),
      failed: ({ id }, error) => void progress.push([id, error]),
      flush: async () => {},
    },
    queue: {
      scheduleRetry: (all) =>
        move(
          retried,
          all.map(({ messageId }) => messageId),
        ),
      reject: ({ messageId }) => move(rejected, [messageId]),
    },
    postponed: { ...memoryPostponedStore(), clear: async (group) => void cleared.push(group) },
    journal: requestJournal(),
    metrics: { countOutcome: (outcome) => void outcomes.push(outcome) },
    logger,
    now: () => NOW,
  });
  const kept = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  return { kept, done, rejected, retried, cleared, outcomes, progress, lines };
}

const delivery = (body: Message | string, deliveries = 1, group?: string) => {
  const each = record(body, group);
  each.attributes.ApproximateReceiveCount = String(deliveries);
  return each;
};
const fails = (error: unknown) => () => Promise.reject(error);
const POLL: Message = {
  version: 1,
  kind: 'poll-crm',
  poll: 'changes',
  scheduledAt: new Date(NOW).toISOString(),
};
const TAG_JOB: Message = {
  version: 1,
  kind: 'tag-users',
  userIds: ['ann'],
  changedAt: new Date(NOW).toISOString(),
  correlationId: 'run',
};
const BACKFILL = { cause: 'backfill' } as const;

describe('the tasks of a group', () => {
  const gone = () => record(userMessage('ann', { cause: 'deleted' }));

  it('that were done before another failed do not come back', async () => {
    const [deletion, signUp, edit] = [gone(), record(userMessage('ann')), record(userMessage('ann'))];
    const down = new RetryableError('down');
    const { kept, retried, progress, outcomes } = await handle([deletion, signUp, edit], {
      processTask: async ({ deliveries }) => {
        if (deliveries[0].record === deletion) return true;
        throw down;
      },
    });
    expect(kept).toEqual([signUp.messageId, edit.messageId]);
    expect(retried).toEqual(kept);
    expect(progress).toEqual([['ann', down]]);
    expect(outcomes).toEqual(['postponed']);
  });

  it('go on after one that is rejected, whose last message becomes the dead letter', async () => {
    const edits = [record(userMessage('ann')), record(userMessage('ann')), record(userMessage('ann'))];
    const deletion = gone();
    const refusal = new RejectedError('refused-by-crm', 'no');
    const { kept, done, rejected, progress, outcomes } = await handle([...edits, deletion], {
      processTask: async ({ deliveries }) => {
        if (deliveries.length > 1) throw refusal;
        return true;
      },
    });
    expect(kept).toEqual([]);
    expect(done.map(({ ids }) => ids.length)).toEqual([3, 1]);
    expect(rejected).toEqual([edits[2]?.messageId]);
    expect(progress).toEqual([['ann', refusal]]);
    expect(outcomes).toEqual(['rejected']);
  });

  it('count as a success with a request if one of them made one', async () => {
    const { progress } = await handle([record(userMessage('ann')), gone()], {
      processTask: async ({ deliveries }) =>
        'cause' in deliveries[0].message && deliveries[0].message.cause !== 'deleted',
    });
    expect(progress).toEqual([['ann', { requested: true, hasWritten: false }]]);
  });

  it('that fail unexpectedly come back, and the log says where', async () => {
    const bug = new TypeError('Cannot convert Ann\n    at Lee', { cause: new Error('Ann') });
    const one = record(userMessage('ann'));
    const { kept, lines, progress } = await handle([one], { processTask: fails(bug) });
    expect(kept).toEqual([one.messageId]);
    expect(progress).toEqual([['ann', expect.any(CloudError)]]);
    expect(lines).toEqual([
      [
        'Unexpected error',
        {
          error: {
            name: 'TypeError',
            frames: expect.arrayContaining([expect.stringMatching(/^at .*process-batch\.test/)]),
            cause: expect.objectContaining({ name: 'Error' }),
          },
        },
      ],
      ['Retry scheduled', expect.objectContaining({ userId: 'ann', cause: 'TypeError', messages: 1 })],
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/Ann|Lee/);
  });

  it('that AWS refuses unexpectedly come back, and the log has its message', async () => {
    const message = 'not authorized to perform kms:Decrypt';
    const refusal = Object.assign(new Error(message), { $metadata: {}, Item: { firstName: 'Ann' } });
    const { lines } = await handle([record(userMessage('ann'))], { processTask: fails(refusal) });
    expect(lines[0]).toEqual(['Unexpected error', { error: expect.objectContaining({ message }) }]);
    expect(JSON.stringify(lines)).not.toMatch(/Ann/);
  });

  it.each([
    [3, []],
    [4, ['ann']],
  ])(
    'that succeed at delivery %i cost a write only if they can be recorded as postponed',
    async (deliveries, expected) => {
      expect((await handle([delivery(userMessage('ann'), deliveries)])).cleared).toEqual(expected);
    },
  );

  it.each<[string, (Message | string)[], boolean]>([
    ['a user of a backfill', [userMessage('ann', BACKFILL)], true],
    ['the tags of many users', [TAG_JOB], true],
    ['a poll', [POLL], true],
    ['a user who has changed', [userMessage('ann')], false],
    ['a user of a backfill who has changed too', [userMessage('ann', BACKFILL), userMessage('ann')], false],
    ['a person to forget', [{ version: 1, kind: 'forget', userId: 'ann', requestId: 'q' }], false],
    ['an unreadable message', ['{}'], false],
  ])('leave the reserve of live changes alone, or not: %s', async (_, bodies, isOfBackfill) => {
    const { done } = await handle(bodies.map((body) => delivery(body, 1, 'ann')));
    expect(done).toMatchObject([{ isOfBackfill }]);
  });
});

describe('a queue that fails after a task', () => {
  it('keeps a message that cannot become a dead letter, for as long as the queue hides it', async () => {
    const one = record(userMessage('ann'));
    const refusal = new RejectedError('refused-by-crm', 'no');
    const { kept, retried, outcomes, progress, lines } = await handle([one], {
      processTask: fails(refusal),
      isQueueDown: true,
    });
    expect(kept).toEqual([one.messageId]);
    expect([retried, outcomes]).toEqual([[], []]);
    // The user is not settled, so check-health sees that it is stuck.
    expect(progress).toEqual([['ann', new CloudError('Could not send a dead letter')]]);
    expect(lines).toEqual([
      [
        'Could not send a dead letter',
        expect.objectContaining({ userId: 'ann', error: expect.any(RangeError) }),
      ],
    ]);
  });

  it('keeps a message that cannot be hidden for longer', async () => {
    const one = record(userMessage('ann'));
    const { kept, lines } = await handle([one], {
      processTask: fails(new RetryableError('down')),
      isQueueDown: true,
    });
    expect(kept).toEqual([one.messageId]);
    expect(lines.at(-1)).toEqual([
      'Could not update the queue',
      expect.objectContaining({ userId: 'ann', messageId: one.messageId, error: expect.any(RangeError) }),
    ]);
  });
});
