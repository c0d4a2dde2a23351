import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it, vi } from 'vitest';
import { messageGroups, tasksOf } from '../../../lambdas/sync-contact/message-groups.ts';
import { type ProcessTaskDependencies, processTask } from '../../../lambdas/sync-contact/process-task.ts';
import type { UserOutcome } from '../../../lambdas/sync-contact/process-user.ts';
import type { PendingTags } from '../../../shared/contacts/pending-tags.ts';
import { BACKFILL_WAIT, INSPECTION_ANSWER_MS, POSTPONED_AFTER } from '../../../shared/quota/retry-policy.ts';
import type { Message, PollMessage, TagUsersMessage, UserMessage } from '../../../shared/sync/message.ts';
import { NOW, record } from '../../support/consumer-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const at = (ms: number) => new Date(NOW + ms).toISOString();
const REQUEST = 'PUT /contacts 200 5 ms';
const POLL: PollMessage = { version: 1, kind: 'poll-crm', poll: 'changes', scheduledAt: at(0) };
const TAG_JOB: TagUsersMessage = {
  version: 1,
  kind: 'tag-users',
  userIds: ['ann', 'bob'],
  changedAt: at(-9000),
  correlationId: 'run',
};

interface World extends Partial<ProcessTaskDependencies> {
  outcome?: Partial<UserOutcome>;
  /** Requests that the task makes. */
  requests?: string[];
  /** Most deliveries of one of the messages. */
  deliveries?: number;
  /** When the messages were sent, in epoch milliseconds. */
  sentAt?: number;
}

/** Processes a task whose parts only return a result. It takes 40 ms. */
async function run(
  bodies: (Message | string)[],
  { outcome = {}, requests = [], deliveries = 1, sentAt = NOW, ...parts }: World = {},
) {
  const records = bodies.map((body) => record(body, 'group'));
  for (const { attributes } of records) attributes.SentTimestamp = String(sentAt);
  for (const { attributes } of records.slice(-1)) attributes.ApproximateReceiveCount = String(deliveries);
  const [task] = messageGroups(records).flatMap(tasksOf);
  if (!task) throw new Error('A record makes a task');
  const lines: unknown[][] = [];
  const counted: string[] = [];
  const lags: number[] = [];
  const processed: UserMessage[] = [];
  const logger = new Logger({ logLevel: 'SILENT' });
  vi.spyOn(logger, 'info').mockImplementation((...line) => void lines.push(line));
  let clock = NOW;
  const result = await processTask(task, {
    async processUser(messages) {
      processed.push(...messages);
      clock += 40;
      return { outcome: 'synced', contactId: 7, warnings: [], ...outcome };
    },
    runTagJob: async () => {},
    eraseContact: async () => 'delete',
    inspectAccount: async () => 0,
    polls: undefined,
    journal: { lines: () => requests },
    metrics: {
      countOutcome: (each) => void counted.push(each),
      countChange: (each) => void counted.push(each),
      recordLag: (ms) => void lags.push(ms),
    },
    logger,
    now: () => clock,
    ...parts,
  }).catch((error: unknown) => error);
  return { result, lines, counted, lags, processed };
}

describe('a task about a user', () => {
  it('is logged and measured from its oldest change', async () => {
    const bodies = [
      userMessage('ann', { changedAt: at(-5000), correlationId: 'e1' }),
      userMessage('ann', { cause: 'resync', correlationId: 'e2' }),
    ];
    const { result, lines, counted, lags, processed } = await run(bodies, {
      requests: [REQUEST],
      deliveries: 2,
    });
    expect(result).toBe(true);
    expect(processed).toEqual(bodies);
    expect(lines).toEqual([
      [
        'Synced',
        {
          userId: 'ann',
          contactId: 7,
          causes: ['changed', 'resync'],
          correlationIds: ['e1', 'e2'],
          deliveries: 2,
          requests: [REQUEST],
          lagMs: 5040,
          durationMs: 40,
        },
      ],
    ]);
    expect([counted, lags]).toEqual([['synced'], [5040]]);
  });

  it('without a request is no proof that the CRM works', async () => {
    expect(await run([userMessage('ann')], { outcome: { outcome: 'unchanged' } })).toMatchObject({
      result: false,
      lines: [['Unchanged', {}]],
      counted: ['unchanged'],
    });
  });

  it('who is still rejected is neither in sync nor a proof that the CRM works', async () => {
    const outcome = { outcome: 'stillRejected' } as const;
    expect(await run([userMessage('ann')], { outcome, requests: [REQUEST] })).toMatchObject({
      result: false,
      lines: [['Still rejected', {}]],
      counted: ['stillRejected'],
      lags: [],
    });
  });

  it.each([
    [['unknown-staff'], ['withoutOwner']],
    [['refused-value'], ['withoutField']],
    [
      ['refused-value', 'unknown-staff', undefined, 'unknown-staff'],
      ['withoutOwner', 'withoutField'],
    ],
    [[undefined], []],
  ] as const)(
    'that leaves fields out because of %j has the warnings logged and each reason counted once',
    async (reasons, expected) => {
      const warnings = reasons.map((reason) => ({
        field: 'x',
        problem: 'left out',
        ...(reason && { reason }),
      }));
      const { lines, counted } = await run([userMessage('ann')], { outcome: { warnings } });
      expect(lines).toEqual([['Synced', expect.objectContaining({ warnings })]]);
      expect(counted).toEqual(['synced', ...expected]);
    },
  );

  it.each([
    ['at the first delivery', 1, 0, true],
    ['after as many failures as a backfill waits for', POSTPONED_AFTER, 0, false],
    ['after as long as the tags of others wait', 1, BACKFILL_WAIT.tagsMs, true],
    ['after longer', 1, BACKFILL_WAIT.tagsMs + 1, false],
  ])('of a backfill leaves the tags to the tag job or not: %s', async (_, deliveries, ageMs, tagsLater) => {
    const message = userMessage('ann', { cause: 'backfill', tagsLater: true, changedAt: at(-ageMs) });
    const { processed } = await run([message], { deliveries });
    expect(processed).toEqual([{ ...message, tagsLater }]);
  });
});

describe('a tag job', () => {
  const tagged = (userId: string, more: Partial<PendingTags> = {}): PendingTags => ({
    userId,
    contactId: 7,
    crm: {},
    desired: [],
    plan: { remove: [], add: [] },
    done: new Set(),
    needsRequeue: false,
    requests: [],
    ...more,
  });
  const runJob = (...users: PendingTags[]) =>
    run([TAG_JOB], {
      requests: [REQUEST],
      runTagJob: async (message, onTagged) => {
        expect(message).toEqual(TAG_JOB);
        users.forEach(onTagged);
      },
    });

  it('is logged and measured for each of its users', async () => {
    const { result, lines, counted, lags } = await runJob(
      tagged('ann', { plan: { remove: [1], add: [] }, requests: [REQUEST] }),
      tagged('bob', { contactId: 8, plan: { remove: [], add: [2] } }),
    );
    expect(result).toBe(true);
    const line = { causes: ['backfill'], correlationIds: ['run'], deliveries: 1, lagMs: 9000 };
    expect(lines).toEqual([
      ['Synced', { userId: 'ann', contactId: 7, requests: [REQUEST], ...line }],
      ['Synced', { userId: 'bob', contactId: 8, requests: [], ...line }],
    ]);
    expect(counted).toEqual(['synced', 'tagged', 'synced', 'tagged']);
    expect(lags).toEqual([9000, 9000]);
  });

  it('counts no change for a user without one, and no success of the CRM without a request for a user', async () => {
    expect(await runJob(tagged('ann'))).toMatchObject({ result: false, counted: ['synced'] });
    expect(await runJob()).toMatchObject({ result: false, counted: [] });
  });
});

describe('other tasks', () => {
  it('erase the contact of a person', async () => {
    const message: Message = { version: 1, kind: 'forget', userId: 'ann', requestId: 'q1' };
    const done = 'delete' as const;
    const eraseContact = vi.fn(async () => done);
    const { result, lines, counted } = await run([message], { eraseContact, requests: [REQUEST] });
    expect(eraseContact).toHaveBeenCalledExactlyOnceWith(message, NOW);
    expect(result).toBe(true);
    expect(lines).toEqual([
      [
        'Erasure request handled',
        { userId: 'ann', requestId: 'q1', done, correlationIds: [], deliveries: 1, requests: [REQUEST] },
      ],
    ]);
    expect(counted).toEqual(['retired']);
  });

  it.each(['no-contact', 'not-deleted', 'not-proven', 'kept'] as const)(
    'count no retired contact for an erasure request that is refused (%s)',
    async (done) => {
      const message: Message = { version: 1, kind: 'forget', userId: 'ann', requestId: 'q1' };
      expect((await run([message], { eraseContact: async () => done })).counted).toEqual([]);
    },
  );

  describe('inspect the account', () => {
    const requirements = { tags: [], customFields: [], leadSources: [], contactTypes: [], staff: false };
    const message: Message = {
      version: 1,
      kind: 'inspect-account',
      inspectionId: 'i1',
      requirements,
      create: false,
      count: false,
    };

    it('and log the number of problems', async () => {
      const { result, lines } = await run([message], { inspectAccount: async () => 3 });
      expect(result).toBe(false);
      expect(lines).toEqual([['Account inspected', { inspectionId: 'i1', problems: 3 }]]);
    });

    it.each([
      ['while a command may wait for it', INSPECTION_ANSWER_MS, 1],
      ['not after that', INSPECTION_ANSWER_MS + 1, 0],
    ])('%s', async (_, ageMs, times) => {
      const inspectAccount = vi.fn(async () => 0);
      expect((await run([message], { inspectAccount, sentAt: NOW - ageMs })).result).toBe(false);
      expect(inspectAccount).toHaveBeenCalledTimes(times);
    });
  });

  it('are rejected if they are no message', async () => {
    expect(await run(['{}'])).toMatchObject({ result: { reason: 'unreadable-message' }, lines: [] });
  });
});

describe('a poll', () => {
  const poll = async (message: PollMessage, isComplete: boolean) => {
    const continued: PollMessage[] = [];
    const { result, lines } = await run([message], {
      polls: {
        run: async (asked) => {
          expect(asked).toEqual(message);
          return isComplete;
        },
        continuePoll: async (next) => void continued.push(next),
      },
      requests: [REQUEST],
    });
    return { result, lines, continued };
  };
  const line = { poll: 'changes', scheduledAt: at(0), deliveries: 1, requests: [REQUEST] };

  it('that is complete sends nothing', async () => {
    expect(await poll(POLL, true)).toEqual({
      result: true,
      lines: [['Poll complete', { ...line, part: 0 }]],
      continued: [],
    });
  });

  it('that is not is continued by a message of its own', async () => {
    expect(await poll(POLL, false)).toEqual({
      result: true,
      lines: [['Poll continues', { ...line, part: 0 }]],
      continued: [{ ...POLL, part: 1 }],
    });
    expect((await poll({ ...POLL, part: 4 }, false)).continued).toEqual([{ ...POLL, part: 5 }]);
  });

  it('is ignored if events are off', async () => {
    const { result, lines } = await run([POLL]);
    expect(result).toBe(false);
    expect(lines).toEqual([['Poll ignored: events are off', { poll: 'changes', scheduledAt: at(0) }]]);
  });
});
