import { afterEach, describe, expect, it } from 'vitest';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { ANN as SIMPLE_ANN } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { inspection } from '../../support/inspection.ts';
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
  const receiveAbout = (userId: string) => consumer.receive(record(userMessage(userId)));
  for (const { userId } of items) await receiveAbout(userId);
  return { users, receiveAbout, ...consumer };
};
const shown = async (email = ANN.email) => (await crm.admin.contacts(email))[0];

describe('a mapping that uses every kind of field', () => {
  it('is written with each value in the format of its field', async () => {
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

  it('costs one request for the fields and one for the tags once the company is known', async () => {
    await start();
    await sync(ANN);
    const cost = await crm.requestsOf(() => sync({ ...ANN, userId: 'bea', email: 'bea@example.com' }));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
  });

  it('clears what was removed: a whole address, a choice, a list', async () => {
    await start();
    const { users, receiveAbout } = await sync(ANN);
    users.edit('ann', { timeZone: 'Europe/Berlin', progress: { week: 2 } });
    await receiveAbout('ann');
    const contact = await shown();
    expect(Object.keys(contact?.values ?? {}).filter((key) => key.startsWith('addresses'))).toEqual([]);
    expect(contact?.customFields).not.toHaveProperty('Interests');
  });
});

it.each(['merge', 'replace'] as const)(
  'addresses and social accounts that were added by hand are kept where updates %s array items',
  async (arrays) => {
    crm = await startCrm({ arrays }, richMapping);
    const byHand = { 'addresses.SHIPPING.line1': '5 Side St', 'social_accounts.Twitter': 'ann_tweets' };
    await crm.preload({ values: { 'email_addresses.EMAIL1': ANN.email, ...byHand } });
    await crm.admin.declareOwnership(richMapping);
    const { users, receiveAbout } = await sync(ANN);
    users.edit('ann', { timeZone: 'Europe/Berlin' });
    await receiveAbout('ann');
    expect((await shown())?.values).toMatchObject({ ...byHand, 'social_accounts.LinkedIn': 'ann' });
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  },
);

describe.each(['merge', 'replace'] as const)('an account where updates %s array items', (arrays) => {
  const BY_HAND = {
    values: {
      'email_addresses.EMAIL1': 'ann@example.com',
      'email_addresses.EMAIL2': 'ann@home.example',
      'phone_numbers.PHONE2': '+12125550100',
    },
    customFields: { 'Shoe Size': '41' },
  };
  const kept = { values: BY_HAND.values, customFields: BY_HAND.customFields };

  it.each(['known', 'unknown', 'outdated'])(
    'keeps what was added by hand when this is %s',
    async (knowledge) => {
      crm = await startCrm({ arrays, searchDelayMs: 0 });
      await crm.preload(BY_HAND);
      await crm.admin.declareOwnership();
      const { mode, ...withoutMode } = (await crm.catalog.current()).arrays ?? { learnedAt: '' };
      expect(mode).toBe(arrays);
      const now = knowledge === 'outdated' ? NOW + 365 * 24 * 3_600_000 : NOW;
      if (knowledge === 'unknown') {
        await crm.table.writeCatalog({ ...(await crm.catalog.current()), arrays: withoutMode });
      }
      const users = memoryUserTable({ ...SIMPLE_ANN, phone: '+12125550123' });
      const fresh = knowledge === 'unknown' ? crm.another() : crm.catalog;
      const { receive } = consumerOf({ ...crm, catalog: fresh }, users, { now: () => now });
      await receive(record(userMessage('ann')));
      users.edit('ann', { phone: '+12125550199', email: 'ann@new.example', progress: { program: 'Run' } });
      await receive(record(userMessage('ann')));
      const contact = await shown('ann@new.example');
      expect(contact).toMatchObject({
        ...kept,
        values: { ...kept.values, 'email_addresses.EMAIL1': 'ann@new.example' },
      });
      expect(contact?.customFields).toMatchObject({ Program: 'Run', 'App User Id': 'ann' });
      expect((await crm.admin.stats()).foreignWrites).toEqual([]);
    },
  );
});

describe('an owner', () => {
  it('who is no member of staff is left out and counted, without a failure', async () => {
    await start();
    const { outcomes, rejected } = await sync({ ...ANN, locale: 'en-US' });
    expect(rejected).toEqual([]);
    expect(outcomes).toEqual(['synced', 'withoutOwner']);
    expect((await shown())?.values).not.toHaveProperty('owner_id');
  });
});

describe('a lead source', () => {
  it('is found ignoring case', async () => {
    await start({ leadSources: ['fitness APP'] });
    await sync(ANN);
    expect((await crm.admin.directory()).leadSources).toHaveLength(1);
  });

  it('that cannot be created is left out and reported', async () => {
    await start({ allowsLeadSources: false });
    await sync(ANN);
    expect((await shown())?.values).not.toHaveProperty('lead_source_id');
    expect((await crm.catalog.current()).problems).toEqual([
      expect.stringMatching(/^lead source "Fitness App": is missing, and the account does not allow /),
    ]);
  });
});

describe('a mapping that does not match the account', () => {
  const startMismatched = async () => {
    await start({ contactTypes: ['Prospect'] });
    await crm.client.createCustomField('plan name', 'Text');
    await crm.client.createCustomField('Interests', 'ListBox', ['Strength']);
  };

  it('is reported: types, options and contact types', async () => {
    await startMismatched();
    expect((await crm.catalog.current()).problems).toEqual([
      expect.stringMatching(
        /^custom field "Plan Name": is of type Text in the CRM, and Dropdown in the mapping/,
      ),
      expect.stringMatching(/^custom field "Interests": has no option "Mobility", "Running" in the CRM/),
      expect.stringMatching(/^contact type "Customer": is no contact type of the account/),
    ]);
  });

  it('fails no user: the mismatched fields are left as they are, and the others are written', async () => {
    await startMismatched();
    const { rejected, outcomes } = await sync(ANN);
    expect(rejected).toEqual([]);
    expect(outcomes).toEqual(['synced']);
    const contact = await shown();
    expect(contact?.customFields).not.toHaveProperty('plan name');
    expect(contact?.values).not.toHaveProperty('contact_type');
    expect(contact?.customFields).toMatchObject({ 'Paid So Far': '12.00' });
  });

  it('is written in full once the account is fixed', async () => {
    crm = await startCrm({}, richMapping);
    await crm.admin.set('directory', { contactTypes: ['Prospect'], staff: ['heidi@example.com'] });
    const { receiveAbout, receive } = await sync(ANN);
    expect((await shown())?.values).not.toHaveProperty('contact_type');
    await crm.admin.set('directory', { contactTypes: ['Prospect', 'Customer'] });
    await receive(inspection(richMapping));
    await receiveAbout('ann');
    expect((await shown())?.values).toMatchObject({ contact_type: 'Customer' });
  });
});
