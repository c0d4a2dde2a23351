import { afterEach, describe, expect, it, vi } from 'vitest';
import { INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { SimulatorOptions } from '../../simulator/simulator.ts';
import { type Polls, shown, startPolls } from '../../support/polls-under-test.ts';

let polls: Polls;
afterEach(() => polls.crm.stop());

const start = async (...parameters: Parameters<typeof startPolls>) => {
  polls = await startPolls(...parameters);
  return polls;
};
const stranger = (index: number) => `stranger${index}@example.com`;

/** Events with distinct ids. */
const distinct = (events: Polls['published']) => [...new Map(events.map((each) => [each.id, each])).values()];

describe('a poll that is killed', () => {
  /** Makes the n-th write of the store fail. */
  const failWrite = (n: number) => {
    let writes = 0;
    for (const name of [
      'writePoll',
      'writeListing',
      'writeRanges',
      'writeBuckets',
      'writeOptOuts',
      'writeOptOutListing',
      'writeLog',
    ] as const) {
      const write = polls.store[name] as (...values: unknown[]) => Promise<void>;
      (polls.store as unknown as Record<string, unknown>)[name] = async (...values: unknown[]) => {
        writes++;
        if (writes === n) throw new RetryableError('killed', { afterMs: 0 });
        await write.apply(polls.store, values);
      };
    }
    return () => writes;
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'before write %i of its state continues where it stopped, and publishes every event once',
    async (n) => {
      await start();
      await polls.addStrangers(5);
      await polls.sync('ann', { email: 'ann@example.com' });
      await polls.poll('listing');
      await polls.poll('opt-outs');
      const contacts = await polls.crm.contacts();
      const idOf = (email: string) =>
        contacts.find(({ values }) => values['email_addresses.EMAIL1'] === email)?.id ?? 0;
      await polls.crm.admin.edit(idOf(stranger(0)), { values: { given_name: 'Changed' }, addTags: ['VIP'] });
      await polls.crm.admin.edit(idOf('ann@example.com'), { emailStatus: 'Manual' });
      await polls.crm.admin.removeContact(idOf(stranger(1)));
      const writes = failWrite(n);
      for (const poll of ['changes', 'opt-outs', 'listing'] as const) await polls.poll(poll);
      expect(shown(distinct(polls.published))).toMatchObject([
        { type: 'contact.changed', contactId: idOf(stranger(0)) },
        { type: 'tag.applied', contactId: idOf(stranger(0)) },
        { type: 'contact.unsubscribed', subject: 'ann' },
        { type: 'contact.deleted', contactId: idOf(stranger(1)) },
      ]);
      expect(polls.consumer.rejected).toEqual([]);
      expect(writes()).toBeGreaterThan(n);
    },
  );

  it('after its events were published publishes them again, with the same ids', async () => {
    await start();
    const [one] = await polls.addStrangers(2);
    await polls.poll('listing');
    await polls.crm.admin.edit(one?.id ?? 0, { values: { given_name: 'Changed' }, addTags: ['A', 'B'] });
    polls.faults.publish = () => {
      polls.faults.publish = undefined;
      throw new RetryableError('killed', { afterMs: 0 });
    };
    const events = await polls.poll('changes');
    expect(events.length).toBeGreaterThan(3);
    expect(distinct(events)).toHaveLength(3);
  });
});

describe('a poll without time for another page', () => {
  it('is continued by messages, in bounded steps, and compares everything', async () => {
    let hasTimeFor = 1;
    await start({}, { endsAt: () => polls.now() + 11_000 });
    await polls.addStrangers(3500);
    const { client } = polls.crm;
    const list = client.listContacts;
    client.listContacts = async (query) => {
      if (--hasTimeFor === 0) {
        hasTimeFor = 1;
        polls.pass(0.1);
      }
      return list(query);
    };
    expect(await polls.deliver(polls.message('listing'))).toBe(4);
    const contacts = await polls.crm.contacts();
    for (const { id } of contacts.slice(0, 3)) await polls.crm.admin.removeContact(id);
    for (const { id } of contacts.slice(-3)) await polls.crm.admin.edit(id, { addTags: ['VIP'] });
    polls.pass(60);
    await polls.deliver(polls.message('listing'));
    expect(polls.published.map(({ type }) => type).sort()).toEqual([
      ...Array(3).fill('crm.contact.deleted.v1'),
      ...Array(3).fill('crm.tag.applied.v1'),
    ]);
  });

  it('continues where it was after hundreds of contacts were deleted at once', async () => {
    let endsAt = 0;
    const startInvocation = () => {
      endsAt = polls.now() + 25_000;
      return endsAt;
    };
    await start({}, { endsAt: startInvocation });
    await polls.addStrangers(450);
    const { client } = polls.crm;
    const list = client.listContacts;
    await polls.deliver(polls.message('listing'));
    const contacts = await polls.crm.contacts();
    for (const { id } of contacts.slice(10)) await polls.crm.admin.removeContact(id);
    let lookUps = 0;
    client.listContacts = async (query) => {
      if (polls.now() + 7000 > endsAt) throw new RetryableError('No time is left', { afterMs: 0 });
      if ('ids' in query && ++lookUps > 20) throw new RejectedError('refused-by-crm', 'It never ends');
      polls.pass(0.1);
      return list(query);
    };
    polls.pass(60);
    await polls.deliver(polls.message('listing'));
    expect(lookUps).toBe(5);
    expect(polls.published).toHaveLength(contacts.length - 10);
    expect(distinct(polls.published)).toHaveLength(contacts.length - 10);
  });
});

describe('a listing of opt-outs', () => {
  /** Two pages. `refuses` says whether the CRM refuses the token of the second. */
  const twoPages = (refuses: () => boolean) => {
    const { client } = polls.crm;
    let requests = 0;
    client.listOptOuts = async (token) => {
      if (++requests > 20) throw new TypeError('endless');
      if (token !== undefined && refuses())
        throw new RejectedError('refused-by-crm', 'The CRM refused the request (400)');
      return { items: [{ email: `${token}@example.com` }], nextToken: token ? undefined : 'second' };
    };
    return () => requests;
  };

  it('reads a page in each part, however long the addresses of the last listing take to read', async () => {
    await start();
    await polls.poll('listing');
    const { readOptOuts } = polls.store;
    polls.store.readOptOuts = async (...parameters) => {
      polls.pass(0.1);
      return readOptOuts(...parameters);
    };
    await polls.poll('opt-outs');
    expect(await polls.store.readOptOutListing()).toMatchObject({ pages: 1 });
  });

  it('of any length comes to its end, and finds who left or came wherever the pages have moved', async () => {
    let endsAt = 0;
    await start(
      {},
      {
        endsAt: () => {
          endsAt = polls.now() + INVOCATION_MS;
          return endsAt;
        },
      },
    );
    for (const userId of ['ann', 'bob', 'cy']) await polls.sync(userId, { email: `${userId}@example.com` });
    await polls.poll('listing');
    const { client } = polls.crm;
    const pages = Array.from({ length: 60 }, (_, page) => [`${page}@example.com`]);
    client.listOptOuts = async (token = '0') => {
      const items = pages[Number(token)]?.map((email) => ({ email, status: 'MANUAL' })) ?? [];
      const next = Number(token) + 1;
      return { items, nextToken: next < pages.length ? `${next}` : undefined };
    };
    const opt = async (userId: string, page: number | undefined) => {
      const email = `${userId}@example.com`;
      for (const [index, emails] of pages.entries()) pages[index] = emails.filter((each) => each !== email);
      if (page !== undefined) pages[page]?.push(email);
      const contactId = polls.users.user(userId).crm?.contactId ?? 0;
      await polls.crm.admin.edit(contactId, { emailStatus: page === undefined ? 'DoubleOptin' : 'Manual' });
    };
    // A page of the last listing takes as long to read as one of a thousand addresses does in a slow invocation.
    const { send } = polls.dynamodb.client;
    polls.dynamodb.client.send = async (...parameters: unknown[]) => {
      const { input } = parameters[0] as {
        input: { RequestItems?: { sync?: { Keys?: { id: { S: string } }[] } } };
      };
      const keys = input.RequestItems?.sync?.Keys ?? [];
      polls.pass((0.3 * keys.filter(({ id }) => id.S.startsWith('opt-outs#')).length) / 60);
      if (polls.now() > endsAt) throw new RetryableError('killed', { afterMs: 0 });
      return (send as (...values: unknown[]) => Promise<unknown>).apply(polls.dynamodb.client, parameters);
    };
    const events = async () => shown(await polls.poll('opt-outs')).map(({ type, ...rest }) => [type, rest]);
    const event = (type: string, subject: string) => [
      `contact.${type}`,
      expect.objectContaining({ subject }),
    ];

    await opt('ann', 3);
    await opt('bob', 45);
    expect(await events()).toEqual([event('unsubscribed', 'ann'), event('unsubscribed', 'bob')]);
    const lookUp = vi.spyOn(client, 'listContacts');
    expect(await events()).toEqual([]);
    expect(lookUp).not.toHaveBeenCalled();
    await opt('bob', undefined);
    await opt('cy', 59);
    expect(await events()).toEqual([event('unsubscribed', 'cy'), event('resubscribed', 'bob')]);
    pages.unshift(...Array.from({ length: 30 }, (_, page) => [`new${page}@example.com`]));
    expect(await events()).toEqual([]);
    expect(await polls.store.readOptOutListing()).toMatchObject({ pages: 90 });
    await opt('ann', undefined);
    pages.splice(0, 40);
    expect(await events()).toEqual([event('resubscribed', 'ann')]);
    expect(await events()).toEqual([]);
    expect(polls.consumer.rejected).toEqual([]);
  });

  it('begins again when the CRM no longer knows its token', async () => {
    await start();
    await polls.poll('listing');
    let refusals = 0;
    const requests = twoPages(() => ++refusals === 1);
    await polls.poll('opt-outs');
    expect(requests()).toBe(4);
    expect(await polls.store.readOptOutListing()).toMatchObject({ pages: 2 });
    expect(polls.consumer.rejected).toEqual([]);
  });

  it('is rejected when its second try is refused, too, and the next one starts from the first page', async () => {
    await start();
    await polls.poll('listing');
    let isRefused = true;
    const requests = twoPages(() => isRefused);
    await polls.poll('opt-outs');
    expect(requests()).toBe(4);
    expect(polls.consumer.rejected.map(({ error }) => error.reason)).toEqual(['refused-by-crm']);
    isRefused = false;
    await polls.poll('opt-outs');
    expect(requests()).toBe(6);
    expect(await polls.store.readOptOutListing()).toMatchObject({ pages: 2 });
    expect(polls.consumer.rejected).toHaveLength(1);
  });
});

describe('while the pages are read', () => {
  it('contacts that are deleted and changed make no other contact look gone or unchanged', async () => {
    await start();
    await polls.addStrangers(2500);
    await polls.poll('listing');
    const contacts = await polls.crm.contacts();
    const { client } = polls.crm;
    const list = client.listContacts;
    let page = 0;
    client.listContacts = async (query) => {
      const answer = await list(query);
      const [gone, changed] = [contacts[page * 3], contacts[2400 - page * 3]];
      page++;
      if (gone) await polls.crm.admin.removeContact(gone.id);
      if (changed) await polls.crm.admin.edit(changed.id, { values: { given_name: `Page ${page}` } });
      return answer;
    };
    await polls.poll('listing');
    await polls.poll('changes');
    client.listContacts = list;
    await polls.poll('listing');
    const events = shown(distinct(polls.published)) as { type: string; contactId: number }[];
    const ids = (type: string) =>
      events.filter((each) => each.type === type).map(({ contactId }) => contactId);
    const indices = Array.from({ length: page }, (_, index) => index);
    expect(ids('contact.deleted').sort((a, b) => a - b)).toEqual(
      indices.map((index) => contacts[index * 3]?.id),
    );
    expect([...new Set(ids('contact.changed'))].sort((a, b) => b - a)).toEqual(
      indices.map((index) => contacts[2400 - index * 3]?.id),
    );
    expect(events).toHaveLength(2 * page);
  });
});

describe('a sync that is running', () => {
  it('has its contact looked at again, and neither its own write nor a change of a person gets lost', async () => {
    await start();
    await polls.sync('ann', { email: 'ann@example.com', firstName: 'Ann' });
    await polls.poll('listing');
    const { crm } = polls.users.user('ann');
    await polls.crm.admin.edit(crm?.contactId ?? 0, {
      values: { given_name: 'Annette', job_title: 'Coach' },
    });
    polls.pass(15);
    const until = new Date(polls.now() + 20_000).toISOString();
    polls.users.edit('ann', { crm: { ...crm, lease: { environment: 'other', invocation: 1, until } } });
    await polls.deliver(polls.message('changes'));
    expect(polls.published).toEqual([]);
    // The running sync has written this value, and ends now.
    const { fingerprint, ...rest } = polls.users.user('ann').crm ?? {};
    const { given_name: _, ...others } = fingerprint ?? {};
    const { lease: __, ...ended } = rest;
    polls.users.edit('ann', {
      firstName: 'Annette',
      crm: { ...ended, fingerprint: { ...others, given_name: '?' } },
    });
    expect(shown(await polls.poll('changes'))).toMatchObject([
      { type: 'contact.changed', subject: 'ann', fields: ['job_title'] },
    ]);
  });

  /** Makes another invocation work on a user. @returns a function that ends its work. */
  const leaseUser = (userId: string) => {
    const until = new Date(polls.now() + 20_000).toISOString();
    const { crm } = polls.users.user(userId);
    polls.users.edit(userId, { crm: { ...crm, lease: { environment: 'other', invocation: 1, until } } });
    return () => {
      const { lease: _, ...rest } = polls.users.user(userId).crm ?? {};
      polls.users.edit(userId, { crm: rest });
    };
  };

  it.each([
    ['', undefined],
    [' that begins at an earlier time', Date.parse('2026-12-01T00:00:00Z')],
  ])('during the first listing%s hides no later change of a person', async (_, startAt) => {
    await start({}, { ...(startAt !== undefined && { startAt }) });
    await polls.sync('ann', { email: 'ann@example.com', firstName: 'Ann' });
    polls.pass(15);
    const end = leaseUser('ann');
    await polls.deliver(polls.message('listing'));
    end();
    expect(polls.published).toEqual([]);
    expect(polls.users.user('ann').crm?.emailStatus).toBeDefined();
    const contactId = polls.users.user('ann').crm?.contactId ?? 0;
    await polls.crm.admin.edit(contactId, { values: { job_title: 'Coach' } });
    expect(shown(await polls.poll('changes'))).toMatchObject([
      { type: 'contact.changed', subject: 'ann', fields: ['job_title'] },
    ]);
  });

  it('and stores the row of its user during the first listing hides no later change either', async () => {
    await start();
    await polls.sync('ann', { email: 'ann@example.com', firstName: 'Ann' });
    const { table } = polls.users;
    const { writeCrm } = table;
    table.writeCrm = async () => {
      table.writeCrm = writeCrm;
      return 'conflict';
    };
    await polls.poll('listing');
    expect(polls.users.user('ann').crm?.emailStatus).toBeDefined();
    const contactId = polls.users.user('ann').crm?.contactId ?? 0;
    await polls.crm.admin.edit(contactId, { values: { job_title: 'Coach' } });
    expect(shown(await polls.poll('changes'))).toMatchObject([{ type: 'contact.changed', subject: 'ann' }]);
  });

  it('while an address leaves the list of opt-outs has its contact looked at by the next listing', async () => {
    await start();
    await polls.sync('ann', { email: 'ann@example.com', firstName: 'Ann' });
    const contactId = polls.users.user('ann').crm?.contactId ?? 0;
    await polls.poll('listing');
    await polls.crm.admin.edit(contactId, { emailStatus: 'Manual' });
    expect(shown(await polls.poll('opt-outs'))).toMatchObject([{ type: 'contact.unsubscribed' }]);
    await polls.crm.admin.edit(contactId, { emailStatus: 'DoubleOptin' });
    polls.pass(60);
    const end = leaseUser('ann');
    const before = polls.published.length;
    await polls.deliver(polls.message('opt-outs'));
    end();
    expect(polls.published.slice(before)).toEqual([]);
    expect(shown(await polls.poll('opt-outs'))).toMatchObject([
      { type: 'contact.resubscribed', subject: 'ann', contactId },
    ]);
    expect(await polls.poll('opt-outs')).toEqual([]);
  });

  it('of a new user makes no event of the contact that it is creating', async () => {
    await start();
    await polls.poll('listing');
    const now = () => new Date(polls.now()).toISOString();
    await polls.crm.preload({ values: { 'email_addresses.EMAIL1': 'new@example.com' }, isNew: true });
    await polls.sync('new', { email: 'new@example.com' });
    const { crm } = polls.users.user('new');
    const { contactId, ...creating } = crm ?? {};
    polls.users.edit('new', { crm: { ...creating, attempt: { at: now(), email: '' }, syncedAt: undefined } });
    expect(await polls.poll('changes')).toEqual([]);
    polls.users.edit('new', { crm: { ...creating, contactId } });
    expect(await polls.poll('changes')).toEqual([]);
    expect(await polls.poll('listing')).toEqual([]);
  });
});

describe('an account that answers otherwise than documented', () => {
  it('is refused when it does not list contacts in the order of their ids: none counts as gone', async () => {
    await start();
    await polls.addStrangers(3);
    await polls.poll('listing');
    const { client } = polls.crm;
    const list = client.listContacts;
    client.listContacts = async (query) => {
      const page = await list(query);
      return 'afterId' in query ? { ...page, items: page.items.toReversed() } : page;
    };
    await polls.deliver(polls.message('listing', { scheduledAt: '2027-01-02T00:00:00.000Z' }));
    expect(polls.consumer.rejected.map(({ error }) => error.reason)).toEqual(['refused-by-crm']);
    expect(polls.published).toEqual([]);
  });

  it.each<[string, SimulatorOptions]>([['a search that lags behind by a minute', { searchDelayMs: 60_000 }]])(
    'loses nothing: %s',
    async (_, options) => {
      await start(options);
      await polls.addStrangers(2);
      await polls.poll('listing');
      const [created] = await polls.crm.preload({
        values: { 'email_addresses.EMAIL1': 'new@example.com' },
        tags: ['Lead'],
        isNew: true,
      });
      await polls.deliver(polls.message('changes', { scheduledAt: new Date(polls.now() + 1).toISOString() }));
      expect(polls.published).toEqual([]);
      expect(shown(await polls.poll('changes'))).toMatchObject([
        { type: 'contact.created', contactId: created?.id },
        { type: 'tag.applied', contactId: created?.id },
      ]);
    },
  );
});

it('a poll for a time that was polled makes no request', async () => {
  await start();
  await polls.poll('listing');
  const message = polls.message('changes');
  await polls.deliver(message);
  expect(await polls.crm.requestsOf(() => polls.deliver(message))).toEqual({});
});
