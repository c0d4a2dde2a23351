import { afterEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as appMapping } from '../../../shared/user/mapping.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

const ANN = {
  userId: 'ann',
  email: 'ann@example.com',
  firstName: 'Ann',
  lastName: 'Lee',
  locale: 'de-DE',
  timeZone: 'America/New_York',
  appDownloadDate: '2026-01-31',
  marketingOptIn: false,
  subscription: { status: 'active' },
  progress: { program: 'Strength', week: 2, workoutsCompleted: 12 },
};

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

async function start(directory: Record<string, unknown> = {}, mapping: Mapping = richMapping) {
  crm = await startCrm({}, mapping);
  await crm.admin.declareOwnership(mapping);
  await crm.admin.set('directory', { staff: ['Heidi@example.com'], ...directory });
}
const sync = async (...items: (Record<string, unknown> & { userId: string })[]) => {
  const users = memoryUserTable(...items);
  const consumer = consumerOf(crm, users, { now: Date.now });
  const look = (userId: string) => consumer.receive(record(userMessage(userId)));
  for (const { userId } of items) await look(userId);
  return { users, look, ...consumer };
};
const inspection = (mapping: Mapping, create = false) =>
  record(
    {
      version: 1,
      kind: 'inspect-account',
      inspectionId: 'i1',
      requirements: requirementsOf(mapping),
      create,
      count: true,
    },
    'catalog',
  );
const shown = async (email = ANN.email) => (await crm.admin.contacts(email))[0];

describe('a mapping with all that a contact can have', () => {
  it('is shown in the CRM, each value in the form of its field', async () => {
    await start();
    const { rejected } = await sync(ANN);
    expect(rejected).toEqual([]);
    const { staff, leadSources, companies } = await crm.admin.directory();
    expect(await shown()).toMatchObject({
      values: {
        contact_type: 'Customer',
        lead_source_id: String(leadSources[0]?.id),
        owner_id: String(staff[0]?.id),
        company: String(companies[0]?.id),
        birthday: '2026-01-31',
        website: 'https://example.com/Ann',
        'social_accounts.LinkedIn': 'ann',
        'addresses.BILLING.line1': '1 Main St',
        'addresses.BILLING.country_code': 'USA',
      },
      customFields: {
        'Plan Since': '2026-01-31T00:00:00.000Z',
        'Paid So Far': '12.00',
        'Opted In': '0',
        'Plan Name': 'active',
        Interests: 'Strength,Running',
        Coach: String(staff[0]?.id),
      },
    });
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  });

  it('costs one request for the fields and one for the tags, like a smaller one, once the company is known', async () => {
    await start();
    await sync(ANN);
    const cost = await crm.requestsOf(() => sync({ ...ANN, userId: 'bea', email: 'bea@example.com' }));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
  });

  it('takes away what has gone: an address whole, a choice, a list', async () => {
    await start();
    const { users, look } = await sync(ANN);
    users.edit('ann', { timeZone: 'Europe/Berlin', progress: { week: 2 } });
    await look('ann');
    const contact = await shown();
    expect(Object.keys(contact?.values ?? {}).filter((key) => key.startsWith('addresses'))).toEqual([]);
    expect(contact?.customFields).not.toHaveProperty('Interests');
  });
});

it.each(['merge', 'replace'] as const)(
  'addresses and accounts that people typed in by hand stay where the account does %s array items',
  async (arrays) => {
    crm = await startCrm({ arrays }, richMapping);
    const byHand = { 'addresses.SHIPPING.line1': '5 Side St', 'social_accounts.Twitter': 'ann_tweets' };
    await crm.preload({ values: { 'email_addresses.EMAIL1': ANN.email, ...byHand } });
    await crm.admin.declareOwnership(richMapping);
    const { users, look } = await sync(ANN);
    users.edit('ann', { timeZone: 'Europe/Berlin' });
    await look('ann');
    expect((await shown())?.values).toMatchObject({ ...byHand, 'social_accounts.LinkedIn': 'ann' });
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  },
);

describe('an owner', () => {
  it('whom nobody in the account is leaves the contact without one, counted and no failure', async () => {
    await start();
    const { outcomes, rejected } = await sync({ ...ANN, locale: 'en-US' });
    expect(rejected).toEqual([]);
    expect(outcomes).toEqual(['synced', 'withoutOwner']);
    expect((await shown())?.values).not.toHaveProperty('owner_id');
  });
});

describe('a lead source', () => {
  it('is matched whatever the case of its letters, and created once where there is none', async () => {
    await start({ leadSources: ['fitness APP'] });
    await sync(ANN);
    expect((await crm.admin.directory()).leadSources).toHaveLength(1);
  });

  it('that the account does not let be created is left out, and named', async () => {
    await start({ allowsLeadSources: false });
    await sync(ANN);
    expect((await shown())?.values).not.toHaveProperty('lead_source_id');
    expect((await crm.catalog.current()).problems).toEqual([
      expect.stringMatching(/^lead source "Fitness App": is missing, .* create it in the CRM$/),
    ]);
  });
});

describe('a company', () => {
  it('is made once, however many users name it, and whoever looks first', async () => {
    await start();
    const users = memoryUserTable(
      ...[1, 2, 3, 4].map((index) => ({ ...ANN, userId: `u${index}`, email: `u${index}@example.com` })),
    );
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        one.receive(record(userMessage('u1')), record(userMessage('u2'))),
        two.receive(record(userMessage('u3')), record(userMessage('u4'))),
      ]);
    }
    expect((await crm.admin.directory()).companies.map(({ name }) => name)).toEqual(['Lee Ltd']);
  });
});

describe('a mapping that does not fit the account', () => {
  const wrong = async () => {
    await start({ contactTypes: ['Prospect'] });
    await crm.client.createCustomField('plan name', 'Text');
    await crm.client.createCustomField('Interests', 'ListBox', ['Strength']);
  };

  it('is told in words: types, options and contact types', async () => {
    await wrong();
    expect((await crm.catalog.current()).problems).toEqual([
      expect.stringMatching(
        /^custom field "Plan Name": is of type Text in the CRM, and Dropdown in the mapping/,
      ),
      expect.stringMatching(/^custom field "Interests": has no option "Mobility", "Running" in the CRM/),
      expect.stringMatching(/^contact type "Customer": is no contact type of the account/),
    ]);
  });

  it('fails no user: what does not fit is left as it is, and the rest is shown', async () => {
    await wrong();
    const { rejected, outcomes } = await sync(ANN);
    expect(rejected).toEqual([]);
    expect(outcomes).toEqual(['synced']);
    const contact = await shown();
    expect(contact?.customFields).not.toHaveProperty('plan name');
    expect(contact?.values).not.toHaveProperty('contact_type');
    expect(contact?.customFields).toMatchObject({ 'Paid So Far': '12.00' });
  });

  it('is written in full once the account was mended', async () => {
    crm = await startCrm({}, richMapping);
    await crm.admin.set('directory', { contactTypes: ['Prospect'], staff: ['heidi@example.com'] });
    const { look, receive } = await sync(ANN);
    expect((await shown())?.values).not.toHaveProperty('contact_type');
    await crm.admin.set('directory', { contactTypes: ['Prospect', 'Customer'] });
    await receive(inspection(richMapping));
    await look('ann');
    expect((await shown())?.values).toMatchObject({ contact_type: 'Customer' });
  });
});

describe('an inspection of the account', () => {
  it('reports ids, counts, what is missing and what does not fit, and creates nothing', async () => {
    await start({ contactTypes: ['Prospect'] });
    const { receive } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    expect(await receive(inspection(richMapping))).toEqual([]);
    const { account } = (await crm.table.readInspection()) ?? {};
    expect(account?.tags.every(({ id }) => id === undefined)).toBe(true);
    expect(account?.contactTypes[1]?.problem).toMatch(/no contact type of the account/);
    const { requests } = await crm.admin.stats();
    expect(Object.keys(requests).filter((route) => !route.startsWith('GET'))).toEqual([]);
  });

  it('creates what is missing when told to, once', async () => {
    await start();
    const { receive } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    await receive(inspection(richMapping, true));
    const first = (await crm.table.readInspection())?.account;
    await receive(inspection(richMapping, true));
    expect((await crm.table.readInspection())?.account).toEqual(first);
    expect(first?.tags.every(({ id, contacts }) => id !== undefined && contacts === 0)).toBe(true);
  });

  it('that has no time for all counts is not the report yet, and is gone on with by the next delivery', async () => {
    await start();
    let left = 10;
    const countTagged: typeof crm.client.countTagged = async (tagId) => {
      if (left-- <= 0) throw new RetryableError('The invocation ends too soon', { afterMs: 0 });
      return crm.client.countTagged(tagId);
    };
    const client = { ...crm.client, countTagged };
    const { receive } = consumerOf(crm, memoryUserTable(), { client, now: Date.now });
    const message = inspection(richMapping, true);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(await crm.table.readInspection()).toMatchObject({ isPartial: true });
    left = Number.POSITIVE_INFINITY;
    expect(await receive(message)).toEqual([]);
    const { account, isPartial } = (await crm.table.readInspection()) ?? {};
    expect(isPartial).toBe(false);
    expect(account?.tags.every(({ contacts }) => contacts === 0)).toBe(true);
    const { requests } = await crm.admin.stats();
    expect(requests['GET /tags/{id}/contacts']).toBe(account?.tags.length);
  });

  it('for the deployed mapping is the new catalog: a tag that was deleted by hand is there again, with its new id', async () => {
    await start();
    await sync(ANN);
    const before = await crm.table.readCatalog();
    await crm.admin.removeTag('Week 9');
    const { receive } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    await receive(inspection(richMapping, true));
    const after = await crm.table.readCatalog();
    expect(after?.tags['week 9']).toBeGreaterThan(before?.tags['week 9'] ?? 0);
    expect(after?.arrays).toEqual(before?.arrays);
  });

  it('for another mapping than the deployed one leaves the catalog as it is', async () => {
    await start();
    await sync(ANN);
    const before = await crm.table.readCatalog();
    const { receive } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    await receive(inspection(appMapping, true));
    expect(await crm.table.readCatalog()).toEqual(before);
  });
});
