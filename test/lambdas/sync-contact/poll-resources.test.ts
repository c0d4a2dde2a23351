import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isListed, itemKindOf, POLLED_NAMES, type PolledName } from '../../../shared/events/event-types.ts';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../../shared/infusionsoft/http/circuit-breaker.ts';
import { ForbiddenError, UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import { pacedFetch } from '../../../shared/infusionsoft/http/paced-fetch.ts';
import { requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import { polledResource } from '../../../shared/polls/polled-resource.ts';
import { INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';
import { type Polls, shown, startPolls } from '../../support/polls-under-test.ts';
import { PERSONAL_TEXT, RECORD_SAMPLES } from '../../support/record-samples.ts';

let polls: Polls;
afterEach(() => polls.crm.stop());

async function start(resources: readonly PolledName[], more: Parameters<typeof startPolls>[1] = {}) {
  polls = await startPolls({}, { ...more, resources });
  await polls.sync('ann', { email: 'ann@example.com' });
  return { contactId: polls.users.user('ann').crm?.contactId ?? 0 };
}
const at = (offsetMinutes = 0) => new Date(polls.now() + offsetMinutes * 60_000).toISOString();
const add = (name: PolledName, contactId: number, more: Record<string, unknown> = {}) =>
  polls.crm.admin.addRecord(name, { ...RECORD_SAMPLES[name].values(at(), contactId), ...more });
const poll = async (...kinds: ('changes' | 'listing')[]) => {
  const events = [];
  for (const kind of kinds) events.push(...(await polls.poll(kind)));
  return shown(events);
};

describe.each(POLLED_NAMES)('%s', (name) => {
  const { change, fields, isOfContact } = RECORD_SAMPLES[name];
  const kind = itemKindOf(name);
  const { date } = polledResource(name);

  it('make an event for what a person creates, changes and deletes, where the docs say, without personal data', async () => {
    const { contactId } = await start([name]);
    await add(name, contactId);
    polls.pass(24 * 60);
    expect(await poll('listing', 'changes', 'listing')).toEqual([]);

    const { id: itemId } = await add(name, contactId);
    const created = await poll(date === undefined ? 'listing' : 'changes');
    const owner = isOfContact && { subject: 'ann', contactId };
    expect(created).toEqual([{ type: `${kind}.created`, itemId, fields: expect.any(Array), ...owner }]);
    expect(await poll('changes', 'listing')).toEqual([]);

    if (fields.length > 0) {
      const { contact } = change as { contact?: object };
      await polls.crm.admin.editRecord(name, itemId, {
        ...change,
        ...(contact && { contact: { ...contact, id: contactId } }),
      });
      // A record with a date is polled until a day after that date.
      const changed = await poll(date === undefined ? 'listing' : 'changes');
      expect(changed).toEqual([{ type: `${kind}.changed`, itemId, fields, ...owner }]);
    }
    await polls.crm.admin.removeRecord(name, itemId);
    expect(await poll('listing')).toEqual(isListed(name) ? [{ type: `${kind}.deleted`, itemId }] : []);
    expect(await poll('changes', 'listing')).toEqual([]);

    expect(JSON.stringify(polls.published)).not.toMatch(PERSONAL_TEXT);
    const stored = [...polls.dynamodb.items].filter(([id]) => id.includes(name));
    expect(stored.length).toBeGreaterThan(1);
    expect(JSON.stringify(stored)).not.toMatch(PERSONAL_TEXT);
  });
});

describe('the first poll', () => {
  it('begins now: what was there before makes no event when it changes its place, but does when it changes', async () => {
    const { contactId } = await start(['appointments', 'orders']);
    const { id: order } = await add('orders', contactId);
    const { id: appointment } = await polls.crm.admin.addRecord('appointments', {
      title: 'Later',
      start_date: at(60 * 24 * 40),
    });
    expect(await poll('listing', 'changes', 'changes')).toEqual([]);
    await polls.crm.admin.editRecord('appointments', appointment, { start_date: at(60 * 24 * 50) });
    await polls.crm.admin.editRecord('orders', order, { status: 'PAID' });
    expect(await poll('changes')).toMatchObject([
      { type: 'appointment.changed', fields: ['start_date'] },
      { type: 'order.changed', fields: ['status'] },
    ]);
  });

  it('begins at a given date: what was created since makes events, also contacts', async () => {
    const given = Date.parse('2026-12-01T00:00:00Z');
    polls = await startPolls({}, { resources: ['notes', 'transactions'], startAt: given });
    const before = { date_created: '2026-11-30T23:59:59.999Z', transaction_date: '2026-11-30T23:59:59.999Z' };
    const after = { date_created: '2026-12-01T00:00:00.000Z', transaction_date: '2026-12-01T00:00:00.000Z' };
    const ids = [];
    for (const name of ['notes', 'transactions'] as const)
      for (const values of [before, after]) ids.push((await polls.crm.admin.addRecord(name, values)).id);
    await polls.addStrangers(1);
    const values = { 'email_addresses.EMAIL1': 'new@example.com' };
    const [contact] = await polls.crm.preload({ values, isNew: true });
    expect(await poll('listing', 'changes')).toMatchObject([
      { type: 'contact.created', contactId: contact?.id },
      { type: 'note.created', itemId: ids[1] },
      { type: 'transaction.created', itemId: ids[3] },
    ]);
    expect(await poll('listing', 'changes')).toEqual([]);
  });

  it('of a resource that is added later begins then', async () => {
    polls = await startPolls();
    await poll('listing', 'changes');
    const { crm, store } = polls;
    await crm.stop();
    polls = await startPolls({}, { resources: ['notes'], store });
    await polls.crm.admin.addRecord('notes', { title: 'old', date_created: '2026-01-01T00:00:00.000Z' });
    expect(await poll('changes')).toEqual([]);
    const { id } = await polls.crm.admin.addRecord('notes', { title: 'new', date_created: at() });
    expect(await poll('listing')).toEqual([{ type: 'note.created', itemId: id, fields: ['title'] }]);
  });
});

describe('lists of several pages', () => {
  it('are continued where they stopped, and pages that shift hide nothing', async () => {
    const { contactId } = await start(['notes']);
    const ids: number[] = [];
    for (let index = 0; index < 2100; index++)
      ids.push((await polls.crm.admin.addRecord('notes', { contact_id: contactId, title: `${index}` })).id);
    await poll('listing');
    const { client } = polls.crm;
    const list = client.listItems;
    let page = 0;
    client.listItems = async (...parameters) => {
      const answer = await list(...parameters);
      // Ten of this page are deleted before the next is read.
      if (page++ === 0) for (const id of ids.slice(0, 10)) await polls.crm.admin.removeRecord('notes', id);
      if (page === 2) throw new RetryableError('killed', { afterMs: 0 });
      return answer;
    };
    await polls.crm.admin.editRecord('notes', ids[1005] ?? 0, { title: 'changed' });
    expect(await poll('listing')).toMatchObject([{ type: 'note.changed', itemId: ids[1005] }]);
    client.listItems = list;
    expect(await poll('listing')).toEqual([]);
    const gone = await poll('listing');
    expect(gone.map((event) => ('itemId' in event ? event.itemId : 0))).toEqual(ids.slice(0, 10));
    expect(gone.every(({ type }) => type === 'note.deleted')).toBe(true);
    expect(polls.consumer.rejected).toEqual([]);
  }, 60_000);

  it('look for deleted items in parts, and find each once', async () => {
    let endsAt = 0;
    const { contactId } = await start(['notes'], {
      endsAt: () => {
        endsAt = polls.now() + INVOCATION_MS;
        return endsAt;
      },
    });
    const { id: left } = await add('notes', contactId);
    await poll('listing');
    const { store } = polls;
    const buckets = Array.from({ length: 600 }, (_, index) => 1000 + index);
    const ids = buckets.map((bucket) => bucket * 64);
    const state = { e: 0, f: {}, n: 1 };
    await store.writeItemRanges('notes', [
      [0, 0],
      [1000, 1599],
    ]);
    await store.writeItems('notes', new Map(ids.map((id) => [id / 64, { [id]: state }])));
    const { readItems } = store;
    store.readItems = async (name, numbers) => {
      polls.pass((0.05 * numbers.length) / 60);
      if (polls.now() > endsAt) throw new RetryableError('killed', { afterMs: 0 });
      return readItems(name, numbers);
    };
    const gone = await poll('listing');
    expect(gone).toEqual(ids.map((itemId) => ({ type: 'note.deleted', itemId })));
    expect(await poll('listing')).toEqual([]);
    expect((await readItems('notes', [0])).get(0)?.[left]).toMatchObject({ n: 3 });
    expect(await store.readPoll('notes-listing')).toMatchObject({ listings: 3 });
    expect((await store.readPoll('notes-listing'))?.run).toBeUndefined();
  });

  it('that are suddenly empty once delete nothing', async () => {
    const { contactId } = await start(['notes']);
    await add('notes', contactId);
    await poll('listing');
    const { client } = polls.crm;
    const list = client.listItems;
    client.listItems = async () => ({ items: [], nextToken: undefined });
    expect(await poll('listing')).toEqual([]);
    client.listItems = list;
    expect(await poll('listing', 'listing')).toEqual([]);
  });
});

describe('a resource that the CRM does not list', () => {
  it.each([
    new ForbiddenError('The account may not do this (403)'),
    new UncertainError('The CRM failed (500)', { isAnswered: true }),
  ])('holds up no other, is logged, and goes on when it is listed again: $message', async (failure) => {
    const warnings: unknown[] = [];
    const logger = new Logger({ logLevel: 'SILENT' });
    logger.warn = (...parameters) => void warnings.push(parameters);
    const { contactId } = await start(['notes', 'orders', 'transactions'], { logger });
    await poll('listing', 'changes');
    const { client } = polls.crm;
    const list = client.listItems;
    client.listItems = async (resource, query) => {
      if (resource.name === 'orders') throw failure;
      return list(resource, query);
    };
    await add('orders', contactId);
    await add('transactions', contactId);
    expect(await poll('changes')).toMatchObject([{ type: 'transaction.created' }]);
    expect(warnings).toEqual([
      ['Resource not read', { resource: 'orders', error: failure.name, problem: failure.message }],
    ]);
    client.listItems = list;
    expect(await poll('changes')).toMatchObject([{ type: 'order.created' }]);
    expect(polls.consumer.rejected).toEqual([]);
  });

  it('and that lets requests hang is tried once in a poll, which then continues with the others', async () => {
    await start(['affiliates', 'notes']);
    const { client } = polls.crm;
    const list = client.listItems;
    let requests = 0;
    client.listItems = async (resource, query) => {
      if (resource.name !== 'affiliates') return list(resource, query);
      requests++;
      polls.pass(20 / 60);
      throw new UncertainError('No usable answer from the CRM (TimeoutError)');
    };
    await poll('listing');
    expect(requests).toBe(1);
    expect((await polls.store.readPoll('notes-listing'))?.listings).toBe(1);
    const first = await polls.store.readPoll('affiliates-listing');
    expect(first?.failingSince).toBe(first?.failedAt);
    polls.pass(15);
    await poll('changes');
    expect(requests).toBe(2);
    const second = await polls.store.readPoll('affiliates-listing');
    expect(second?.failingSince).toBe(first?.failedAt);
    expect(second?.failedAt).not.toBe(first?.failedAt);
    client.listItems = list;
    await poll('changes');
    const read = await polls.store.readPoll('affiliates-listing');
    expect(read).toMatchObject({ listings: 1 });
    expect(read).not.toHaveProperty('failedAt');
    expect(read).not.toHaveProperty('failingSince');
  });

  it('and that fails so slowly that no time is left for a retry counts as failed, and holds up no other', async () => {
    let endsAt = 0;
    await start(['affiliates', 'notes'], {
      endsAt: () => {
        endsAt = polls.now() + INVOCATION_MS;
        return endsAt;
      },
    });
    await poll('listing');
    const slow = vi.fn(async () => {
      polls.pass(9.5 / 60);
      return new Response('Service Unavailable', { status: 503 });
    });
    vi.stubGlobal('fetch', slow);
    const fetch = pacedFetch({
      rateLimiter: { acquireSlot: async () => {} },
      credentials: {
        current: async () => ['x-keap-api-key', 'key'],
        cached: () => ['x-keap-api-key', 'key'],
        renew: async () => undefined,
      },
      gate: requestGate(25),
      breaker: circuitBreaker(),
      deadline: () => endsAt,
      onRequest: () => {},
      now: polls.now,
    });
    const failing = infusionsoftClient({ url: 'http://crm.local', fetch });
    const { client } = polls.crm;
    const list = client.listItems;
    client.listItems = async (resource, query) =>
      resource.name === 'affiliates' ? failing.listItems(resource, query) : list(resource, query);
    await poll('listing');
    vi.unstubAllGlobals();
    expect(slow).toHaveBeenCalledTimes(2);
    const failed = await polls.store.readPoll('affiliates-listing');
    expect(failed).toMatchObject({ listings: 1, failedAt: expect.any(String) });
    expect((await polls.store.readPoll('notes-listing'))?.listings).toBe(2);
    client.listItems = list;
    await poll('changes');
    expect((await polls.store.readPoll('affiliates-listing'))?.listings).toBe(2);
  });

  it('to the end is still read by date', async () => {
    const { contactId } = await start(['orders']);
    await poll('listing', 'changes');
    await add('orders', contactId);
    await poll('changes');
    const { client } = polls.crm;
    const list = client.listItems;
    client.listItems = async (resource, query) => {
      if (query.token !== undefined) throw new UncertainError('The CRM failed (500)', { isAnswered: true });
      const page = await list(resource, query);
      return query.since === undefined ? { ...page, nextToken: '1000' } : page;
    };
    await poll('listing');
    expect((await polls.store.readPoll('orders-listing'))?.run).toBeDefined();
    await add('orders', contactId);
    expect(await poll('changes')).toMatchObject([{ type: 'order.created' }]);
  });

  it.each(['notes', 'orders'] as const)(
    'at one page is given up after a second try, and listed from its begin by the next poll: %s',
    async (name) => {
      const warnings: unknown[] = [];
      const logger = new Logger({ logLevel: 'SILENT' });
      logger.warn = (...parameters) => void warnings.push(parameters);
      const { contactId } = await start([name], { logger });
      await add(name, contactId);
      const { client } = polls.crm;
      const list = client.listItems;
      const tokens: (string | undefined)[] = [];
      client.listItems = async (resource, query) => {
        tokens.push(query.token);
        if (tokens.length > 20) throw new TypeError('endless');
        if (query.token !== undefined)
          throw new RejectedError('refused-by-crm', 'The CRM refused the request (400)');
        return { ...(await list(resource, query)), nextToken: '1000' };
      };
      await poll('listing');
      expect(tokens).toEqual([undefined, '1000', undefined, '1000']);
      expect(warnings).toMatchObject([['Resource not read', { resource: name }]]);
      client.listItems = list;
      await poll('listing');
      expect(await polls.store.readPoll(`${name}-listing`)).toMatchObject({ listings: 1 });
    },
  );

  it('an answer that is no list, or an item without an id, is a failure of the resource', async () => {
    await start(['notes']);
    await poll('listing');
    const { client } = polls.crm;
    client.listItems = async () => ({ items: [{ title: 'without' }], nextToken: undefined });
    expect(await poll('listing')).toEqual([]);
    expect((await polls.store.readPoll('notes-listing'))?.listings).toBe(1);
  });
});

describe('what the sync creates itself', () => {
  it('companies and lead sources of the mapping make no event, those of others do', async () => {
    const { contact } = defaultMapping;
    const mapping: Mapping = {
      ...defaultMapping,
      contact: {
        ...contact,
        lead_source: { names: ['App'], pick: () => 'App' },
        company: ({ lastName }) => lastName && `${lastName} Ltd`,
      },
    };
    await start(['companies', 'lead-sources'], { mapping });
    await poll('listing');
    await polls.sync('bob', { email: 'bob@example.com', lastName: 'Own' });
    const { companies } = await polls.crm.admin.directory();
    expect(companies.map(({ name }) => name)).toEqual(['Own Ltd']);
    await polls.crm.admin.addRecord('companies', { name: 'Other Ltd' });
    await polls.crm.admin.addRecord('lead-sources', { name: 'app' });
    await polls.crm.admin.addRecord('lead-sources', { name: 'Fair' });
    expect((await poll('listing')).map(({ type }) => type)).toEqual([
      'company.created',
      'lead-source.created',
    ]);
    expect(await poll('listing')).toEqual([]);
  });
});

it('a replay reads what has a date once more', async () => {
  const { contactId } = await start(['orders', 'users']);
  await poll('listing');
  const since = at();
  const { id: itemId } = await add('orders', contactId);
  await poll('changes');
  const again = shown(await polls.poll('replay', { since }));
  expect(again).toEqual([
    { type: 'order.created', itemId, subject: 'ann', contactId, fields: expect.any(Array) },
  ]);
  expect(new Set(polls.published.map(({ id }) => id)).size).toBe(polls.published.length);
  expect(await poll('changes')).toEqual([]);
});
