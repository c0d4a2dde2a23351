import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it, vi } from 'vitest';
import { type MessageGroup, messageGroups } from '../../../lambdas/sync-contact/message-groups.ts';
import { progressTracker } from '../../../lambdas/sync-contact/progress-tracker.ts';
import { PausedError } from '../../../shared/infusionsoft/http/request-gate.ts';
import { MAX_WAITING, type Progress } from '../../../shared/queue/progress.ts';
import { CloudError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { record } from '../../support/consumer-under-test.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { userMessage } from '../../support/user-message.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const HOUR = 3_600_000;
const WRITTEN = { requested: true, hasWritten: true };

function group(userId: string, receives = 1): MessageGroup {
  const one = record(userMessage(userId, { changedAt: '2026-06-15T11:50:00.000Z' }));
  one.attributes.ApproximateReceiveCount = String(receives);
  const [only] = messageGroups([one]);
  if (!only) throw new Error('A record makes a group');
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
  const warn = vi.spyOn(logger, 'warn');
  const tracker = progressTracker({ store: counting, logger, now: () => clock.now });
  return { clock, tracker, store, writes: () => writes, warn };
}

describe('the progress of an environment', () => {
  it('is written once a minute while all goes well', async () => {
    const { clock, tracker, store, writes } = environment();
    for (let second = 0; second < 120; second++) {
      tracker.succeeded(group('ann'), WRITTEN);
      await tracker.flush();
      clock.now += 1000;
    }
    expect(writes()).toBe(2);
    expect((await store.read())?.value).toMatchObject({ syncedAt: NOON + 60_000, waiting: [] });
  });

  it('is written at once when a user fails, and when the user succeeds', async () => {
    const { tracker, store } = environment();
    tracker.succeeded(group('bob'), WRITTEN);
    await tracker.flush();
    tracker.failed(group('ann'), new RetryableError('down', { afterMs: 5000 }));
    await tracker.flush();
    expect((await store.read())?.value).toMatchObject({
      waiting: [{ group: 'ann', changedAt: NOON - 600_000, failingSince: NOON }],
      hiddenUntil: NOON + 7500,
    });
    tracker.succeeded(group('ann', 2), WRITTEN);
    await tracker.flush();
    expect((await store.read())?.value.waiting).toEqual([]);
  });

  it('says when a change of a contact was last accepted, apart from other requests', async () => {
    const { clock, tracker, store } = environment();
    tracker.succeeded(group('ann'), WRITTEN);
    clock.now += HOUR;
    tracker.succeeded(group('bob'), { requested: true, hasWritten: false });
    await tracker.flush();
    expect((await store.read())?.value).toMatchObject({ writtenAt: NOON, syncedAt: NOON + HOUR });
  });

  it('of users who need no request, or whom the CRM refuses, is no success of the CRM', async () => {
    const { tracker, store } = environment();
    tracker.succeeded(group('ann'), { requested: false, hasWritten: false });
    tracker.failed(group('bob'), new RejectedError('no-usable-email', 'none'));
    await tracker.flush();
    expect((await store.read())?.value).toMatchObject({ syncedAt: 0, activeAt: NOON, waiting: [] });
  });

  it.each([
    ['the day', new PausedError('day', 'spent', HOUR), [null]],
    ['an operator', new PausedError('operator', 'paused', HOUR), [null]],
    ['the minute, which counts as a failure', new PausedError('minute', 'spent', 1000), [NOON]],
    ['the backfill, which waits for no live change', new PausedError('backfill', 'spent', HOUR), []],
    ['an unexpected failure', new CloudError('x'), [NOON]],
  ])('lists a user who waits because of %s', async (_, error, failingSince) => {
    const { tracker, store } = environment();
    tracker.failed(group('ann'), error);
    await tracker.flush();
    const waiting = (await store.read())?.value.waiting ?? [];
    expect(waiting.map((each) => each.failingSince)).toEqual(failingSince);
  });

  it('of a backlog that fails is written once a minute when the list is full', async () => {
    const { clock, tracker, writes } = environment();
    for (let batch = 0; batch < 100; batch++) {
      for (let user = 0; user < 10; user++)
        tracker.failed(group(`user${batch}-${user}`), new RetryableError('down'));
      await tracker.flush();
      clock.now += 500;
    }
    expect(writes()).toBeLessThanOrEqual(MAX_WAITING / 10 + 2);
  });

  it('that could not be written is written with the next batch', async () => {
    const store = memoryStore<Progress>();
    let broken = true;
    const write: typeof store.write = (...args) =>
      broken ? Promise.reject(new Error('throttled')) : store.write(...args);
    const { tracker, warn } = environment({ ...store, write });
    tracker.failed(group('ann'), new RetryableError('down'));
    await tracker.flush();
    expect(warn.mock.calls).toEqual([
      ['Could not record progress, retrying with the next batch', { error: 'Error' }],
    ]);
    broken = false;
    tracker.succeeded(group('bob'), WRITTEN);
    await tracker.flush();
    expect((await store.read())?.value).toMatchObject({ syncedAt: NOON, waiting: [{ group: 'ann' }] });
  });

  it('is not written for a batch without a result', async () => {
    const { tracker, writes } = environment();
    await tracker.flush();
    expect(writes()).toBe(0);
  });

  it('is written at once for a user who needs no request only if the user has failed before', async () => {
    const { tracker, writes } = environment();
    tracker.succeeded(group('bob'), WRITTEN);
    await tracker.flush();
    tracker.succeeded(group('cem'), { requested: false, hasWritten: false });
    await tracker.flush();
    expect(writes()).toBe(1);
    tracker.succeeded(group('ann', 2), { requested: false, hasWritten: false });
    await tracker.flush();
    expect(writes()).toBe(2);
  });

  it('names the oldest change of a group, by the time of sending for a message without one', async () => {
    const { tracker, store } = environment();
    const newer = record(userMessage('ann', { changedAt: '2026-06-15T11:50:00.000Z' }));
    const older = record(userMessage('ann', { changedAt: '2026-06-15T11:40:00.000Z' }));
    const forget = record({ version: 1, kind: 'forget', userId: 'bob', requestId: 'q1' });
    const untimed = record({ version: 1, kind: 'forget', userId: 'cem', requestId: 'q2' });
    forget.attributes.SentTimestamp = String(NOON - HOUR);
    for (const each of messageGroups([newer, older, forget, untimed]))
      tracker.failed(each, new RetryableError('down'));
    await tracker.flush();
    const { waiting = [] } = (await store.read())?.value ?? {};
    expect(Object.fromEntries(waiting.map((each) => [each.group, each.changedAt]))).toEqual({
      ann: Date.parse('2026-06-15T11:40:00Z'),
      bob: NOON - HOUR,
      cem: NOON,
    });
  });

  it('keeps only the newest results while they cannot be written', async () => {
    const store = memoryStore<Progress>();
    let broken = true;
    const write: typeof store.write = (...args) =>
      broken ? Promise.reject(new Error('throttled')) : store.write(...args);
    const { clock, tracker } = environment({ ...store, write });
    tracker.succeeded(group('ann'), WRITTEN);
    await tracker.flush();
    clock.now += HOUR;
    for (let user = 0; user < 10 * MAX_WAITING; user++)
      tracker.succeeded(group(`user${user}`), { requested: false, hasWritten: false });
    await tracker.flush();
    broken = false;
    tracker.succeeded(group('bob'), { requested: false, hasWritten: false });
    await tracker.flush();
    expect((await store.read())?.value).toMatchObject({ activeAt: NOON + HOUR, syncedAt: 0 });
  });

  it('of environments that write at the same time is merged', async () => {
    const store = memoryStore<Progress>();
    const environments = Array.from({ length: 5 }, () => environment(store).tracker);
    for (const [index, tracker] of environments.entries())
      tracker.failed(group(`user${index}`), new RetryableError('down'));
    await Promise.all(environments.map((tracker) => tracker.flush()));
    expect((await store.read())?.value.waiting.map((each) => each.group).toSorted()).toEqual(
      [0, 1, 2, 3, 4].map((index) => `user${index}`),
    );
  });
});
