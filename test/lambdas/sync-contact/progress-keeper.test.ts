import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it } from 'vitest';
import { type Group, groupsOf } from '../../../lambdas/sync-contact/delivery.ts';
import { progressKeeper } from '../../../lambdas/sync-contact/progress-keeper.ts';
import { PausedError } from '../../../shared/infusionsoft/http/request-gate.ts';
import { MAX_WAITING, type Progress } from '../../../shared/queue/progress.ts';
import { CloudError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { record } from '../../support/consumer-under-test.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { userMessage } from '../../support/user-message.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const HOUR = 3_600_000;

function group(userId: string, receives = 1): Group {
  const one = record(userMessage(userId, { changedAt: '2026-06-15T11:50:00.000Z' }));
  one.attributes.ApproximateReceiveCount = String(receives);
  const [only] = groupsOf([one]);
  if (!only) throw new Error('A record is a group');
  return only;
}

function environment(store = memoryStore<Progress>()) {
  const clock = { now: NOON };
  let writes = 0;
  const counting = {
    ...store,
    write: (...args: Parameters<typeof store.write>) => {
      writes++;
      return store.write(...args);
    },
  };
  const logger = new Logger({ logLevel: 'SILENT' });
  const keeper = progressKeeper({ store: counting, logger, now: () => clock.now });
  return { clock, keeper, store, writes: () => writes };
}

describe('the progress of an environment', () => {
  it('is written once a minute while all goes well', async () => {
    const { clock, keeper, store, writes } = environment();
    for (let second = 0; second < 120; second++) {
      keeper.done(group('ann'), true);
      await keeper.close();
      clock.now += 1000;
    }
    expect(writes()).toBe(2);
    expect((await store.read())?.value).toMatchObject({ syncedAt: NOON + 60_000, waiting: [] });
  });

  it('is written at once when a user is postponed, and when it is done', async () => {
    const { keeper, store } = environment();
    keeper.done(group('bob'), true);
    await keeper.close();
    keeper.failed(group('ann'), new RetryableError('down', { afterMs: 5000 }));
    await keeper.close();
    expect((await store.read())?.value).toMatchObject({
      waiting: [{ group: 'ann', changedAt: NOON - 600_000, failingSince: NOON }],
      hiddenUntil: NOON + 7500,
    });
    keeper.done(group('ann', 2), true);
    await keeper.close();
    expect((await store.read())?.value.waiting).toEqual([]);
  });

  it('of users who need no request, or whom the CRM refuses for good, proves nothing about the CRM', async () => {
    const { keeper, store } = environment();
    keeper.done(group('ann'), false);
    keeper.failed(group('bob'), new RejectedError('no-usable-email', 'none'));
    await keeper.close();
    expect((await store.read())?.value).toMatchObject({ syncedAt: 0, activeAt: NOON, waiting: [] });
  });

  it.each([
    ['a day', new PausedError('day', 'spent', HOUR), [null]],
    ['a person’s pause', new PausedError('operator', 'paused', HOUR), [null]],
    ['a minute, as an outage of many would', new PausedError('minute', 'spent', 1000), [NOON]],
    ['the share of a backfill', new PausedError('backfill', 'spent', HOUR), []],
    ['an unexpected failure', new CloudError('x'), [NOON]],
  ])('knows who waits for %s', async (_, error, failingSince) => {
    const { keeper, store } = environment();
    keeper.failed(group('ann'), error);
    await keeper.close();
    const waiting = (await store.read())?.value.waiting ?? [];
    expect(waiting.map((each) => each.failingSince)).toEqual(failingSince);
  });

  it('of a backlog that fails costs a write a minute, once enough wait', async () => {
    const { clock, keeper, writes } = environment();
    for (let batch = 0; batch < 100; batch++) {
      for (let user = 0; user < 10; user++)
        keeper.failed(group(`user${batch}-${user}`), new RetryableError('down'));
      await keeper.close();
      clock.now += 500;
    }
    expect(writes()).toBeLessThanOrEqual(MAX_WAITING / 10 + 2);
  });

  it('that could not be written is written with the next batch', async () => {
    const store = memoryStore<Progress>();
    let broken = true;
    const write: typeof store.write = (...args) =>
      broken ? Promise.reject(new Error('throttled')) : store.write(...args);
    const { keeper } = environment({ ...store, write });
    keeper.failed(group('ann'), new RetryableError('down'));
    await keeper.close();
    broken = false;
    keeper.done(group('bob'), true);
    await keeper.close();
    expect((await store.read())?.value).toMatchObject({ syncedAt: NOON, waiting: [{ group: 'ann' }] });
  });

  it('of environments that write at the same time is that of all', async () => {
    const store = memoryStore<Progress>();
    const environments = Array.from({ length: 5 }, () => environment(store).keeper);
    for (const [index, keeper] of environments.entries())
      keeper.failed(group(`user${index}`), new RetryableError('down'));
    await Promise.all(environments.map((keeper) => keeper.close()));
    expect((await store.read())?.value.waiting.map((each) => each.group).toSorted()).toEqual(
      [0, 1, 2, 3, 4].map((index) => `user${index}`),
    );
  });
});
