import { describe, expect, it } from 'vitest';
import { entryOf } from '../../../lambdas/backfill/messages.ts';
import { OPTIONS, start } from '../../support/backfill-start.ts';
import { advance, begin, finish } from '../../support/backfill-steps.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';

const MINUTE_MS = 60_000;

describe('a run with users who keep failing', () => {
  it('ends in its normal time and names them with the reason', async () => {
    const started = start(200);
    const { ports, clock } = started;
    ports.failing.set('7', 'The account may not do this (403)');
    const result = await finish(await begin({}, started.context), started);
    expect(result).toMatchObject({
      enqueued: 200,
      done: 199,
      unfinished: { total: 1, users: [{ userId: '7', reason: 'The account may not do this (403)' }] },
    });
    expect(clock.now - NOON).toBeLessThan(MINUTE_MS);
    expect(await ports.locks.read('contacts')).toBeUndefined();
  });

  it('names the first hundred and counts all', async () => {
    const started = start(1000);
    for (let index = 0; index < 300; index++)
      started.ports.failing.set(String(index), 'The CRM failed (500)');
    const result = await finish(await begin({}, started.context), started);
    expect(result).toMatchObject({ done: 700, unfinished: { total: 300 } });
    expect(result.unfinished.users).toHaveLength(100);
  });

  it('waits while all users fail, since that is an outage', async () => {
    const started = start(500);
    const { ports, clock } = started;
    let run = await advance(await begin({}, started.context), started);
    for (let index = 0; index < 500; index++) ports.failing.set(String(index), 'The CRM failed (503)');
    while (clock.now - NOON < 14 * MINUTE_MS) run = await advance(run, started);
    expect(run).toMatchObject({ unfinished: { total: 0 } });
    expect(run.sent.length).toBeLessThanOrEqual(OPTIONS.inFlight);
    ports.failing.clear();
    expect(await finish(run, started)).toMatchObject({
      done: 500,
      unfinished: { total: 0 },
    });
  });

  it('sends a user again, once, whose message was handled with a catalog that lacked a field', async () => {
    const started = start(100);
    const { ports, clock } = started;
    const ids: string[] = [];
    const { send } = ports;
    // The message leaves the user without the field that the account has by now.
    ports.failing.set('7', undefined);
    ports.catalog = async () => ({ ...CATALOG, refreshedAt: new Date(NOON + 20_000).toISOString() });
    ports.send = async (messages, runId) => {
      const own = messages.find((message) => message.kind === 'user' && message.userId === '7');
      if (own) ids.push(entryOf(own, runId).deduplicationId);
      if (ids.length > 1) ports.failing.delete('7');
      await send(messages, runId);
    };
    expect(await finish(await begin({}, started.context), started)).toMatchObject({
      enqueued: 100,
      done: 100,
      unfinished: { total: 0 },
    });
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(2);
    expect(clock.now - NOON).toBeLessThan(3 * MINUTE_MS);
  });

  it('sends a user again with another deduplication id each time, while an environment may have the older catalog', async () => {
    const started = start(100);
    const { ports } = started;
    const { send } = ports;
    const ids: string[] = [];
    ports.failing.set('7', undefined);
    // The second message is sent within the minute in which an environment may still use the older catalog.
    ports.catalog = async () => ({ ...CATALOG, refreshedAt: new Date(NOON + 30_000).toISOString() });
    ports.send = async (messages, runId) => {
      const own = messages.find((message) => message.kind === 'user' && message.userId === '7');
      if (own) ids.push(entryOf(own, runId).deduplicationId);
      if (new Set(ids).size > 2) ports.failing.delete('7');
      await send(messages, runId);
    };
    expect(await finish(await begin({}, started.context), started)).toMatchObject({
      done: 100,
      unfinished: { total: 0 },
    });
    expect(ids).toHaveLength(3);
  });

  it('sends users again, once, in whom the consumer saw nothing to do, with an earlier mapping during a deployment', async () => {
    const started = start(100);
    const { ports } = started;
    const { send } = ports;
    const sent: string[] = [];
    ports.catalog = async () => ({ ...CATALOG, refreshedAt: new Date(NOON - 60 * MINUTE_MS).toISOString() });
    for (const userId of ['7', '8']) ports.failing.set(userId, undefined);
    ports.send = async (messages, runId) => {
      for (const message of messages) {
        if (message.kind !== 'user' || !['7', '8'].includes(message.userId)) continue;
        sent.push(message.userId);
        // The consumer has the new mapping by now. It brings only one of the two up to date.
        if (sent.filter((userId) => userId === '7').length > 1) ports.failing.delete('7');
      }
      await send(messages, runId);
    };
    expect(await finish(await begin({}, started.context), started)).toMatchObject({
      enqueued: 100,
      done: 99,
      unfinished: { total: 1, users: [{ userId: '8' }] },
    });
    expect(sent.sort()).toEqual(['7', '7', '8', '8']);
  });

  it('stops waiting after fifteen minutes for a user without a recorded failure', async () => {
    const started = start(100);
    started.ports.failing.set('7', undefined);
    const result = await finish(await begin({}, started.context), started);
    expect(result.unfinished).toEqual({
      total: 1,
      users: [{ userId: '7', reason: 'Not done within 15 minutes' }],
    });
    const minutes = (started.clock.now - NOON) / MINUTE_MS;
    expect(minutes).toBeGreaterThan(15);
    expect(minutes).toBeLessThan(17);
  });

  it('counts users whom the CRM refuses by reason, and users who were deleted as done', async () => {
    const started = start(100);
    started.ports.refused.set('3', 'refused-by-crm');
    started.ports.refused.set('4', 'refused-by-crm');
    started.ports.deleted.add('5');
    expect(await finish(await begin({}, started.context), started)).toMatchObject({
      enqueued: 100,
      done: 98,
      rejected: { 'refused-by-crm': 2 },
      unfinished: { total: 0 },
    });
  });
});

it('a run ends, and tags every contact, when time changes the tags of a user during its tag job', async () => {
  const count = 6000;
  const started = start(count);
  const { ports, context, clock } = started;
  const { users } = ports;
  // The job has set the tags of this user, and then the user would need others.
  ports.users = async (ids) =>
    (await users(ids)).map((user) =>
      user.userId === '50' && user.crm?.tagIds
        ? {
            ...user,
            crm: {
              ...user.crm,
              tagIds: [...new Set([...user.crm.tagIds, 17, 18, 19])],
              syncedAt: new Date(NOON + 3_600_000).toISOString(),
            },
          }
        : user,
    );
  const result = await finish(await begin({}, context), started);
  const rows = await users(Array.from({ length: count }, (_, index) => String(index)));
  expect(rows.filter(({ crm }) => crm?.contactId && !crm.tagIds)).toEqual([]);
  expect(result.unfinished.total).toBe(0);
  expect(clock.now - NOON).toBeLessThan(10 * MINUTE_MS);
});
