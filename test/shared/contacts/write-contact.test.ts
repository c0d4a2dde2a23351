import { afterEach, describe, expect, it } from 'vitest';
import type { Target } from '../../../shared/contacts/resolve.ts';
import { type WriteContactOptions, writeContact } from '../../../shared/contacts/write-contact.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { SYNC_TABLE_ITEMS } from '../../../shared/store/sync-table-items.ts';
import { RefusedFieldsError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { FieldPlan } from '../../../shared/sync/plan.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { ANN as SIMPLE_ANN } from '../../support/ann.ts';
import { CATALOG } from '../../support/backfill-users.ts';
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
afterEach(() => crm?.stop());

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
        birthday: '2026-01-31T12:00:00.000Z',
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

  it('is written with the company looked up again by its name when the CRM refuses the id', async () => {
    await start();
    await crm.table.writeCompanyId(SYNC_TABLE_ITEMS.company.key('Lee Ltd'), 4711);
    const { rejected } = await sync(ANN);
    expect(rejected).toEqual([]);
    const { companies } = await crm.admin.directory();
    expect((await shown())?.values).toMatchObject({ company: String(companies[0]?.id) });
  });

  it('loses what the CRM refuses, and keeps the company that it has', async () => {
    await start();
    await sync(ANN);
    await crm.admin.set('directory', { contactTypes: ['Other'] });
    const { rejected } = await sync({ ...ANN, userId: 'bea', email: 'bea@example.com' });
    expect(rejected).toEqual([]);
    const [bea] = await crm.admin.contacts('bea@example.com');
    expect(bea?.values).toHaveProperty('company');
    expect(bea?.values).not.toHaveProperty('contact_type');
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

const ARRAYS = (['merge', 'replace'] as const).flatMap((put) =>
  (['merge', 'replace'] as const).map((patch) => ({ put, patch })),
);

it.each(ARRAYS)(
  'addresses and social accounts that were added by hand are kept where updates do %j with array items',
  async (arrays) => {
    crm = await startCrm({ arrays }, richMapping);
    const byHand = { 'addresses.SHIPPING.line1': '5 Side St', 'social_accounts.Instagram': 'ann_pics' };
    await crm.preload({ values: { 'email_addresses.EMAIL1': ANN.email, ...byHand } });
    await crm.admin.declareOwnership(richMapping);
    const { users, receiveAbout } = await sync(ANN);
    users.edit('ann', { timeZone: 'Europe/Berlin' });
    await receiveAbout('ann');
    expect((await shown())?.values).toMatchObject(byHand);
    // The CRM does not show the accounts of four networks, so a list of accounts cannot be sent back whole.
    const isWritten = (await shown())?.values['social_accounts.LinkedIn'] === 'ann';
    expect(isWritten).toBe(arrays.patch === 'merge');
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  },
);

describe.each(ARRAYS)('an account where updates do %j with array items', (arrays) => {
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
      const { modes, ...withoutMode } = (await crm.catalog.current()).arrays ?? { learnedAt: '' };
      expect(modes).toEqual(arrays);
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

describe('a mapping that does not fit the account', () => {
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
      expect.stringMatching(/^contact type "Customer": is not a contact type of the account/),
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

describe('a contact with a company', () => {
  const UPDATE: Target = { kind: 'update', contactId: 5, isClaimed: true, isForeign: false };
  const refusal = new RejectedError('refused-by-crm', 'refused');

  /** @param ids what each look-up of the company returns or throws. @param refused ids that the CRM refuses. */
  async function write(ids: (number | Error)[], refused: number[], options: WriteContactOptions = {}) {
    const written: unknown[] = [];
    const asked: unknown[][] = [];
    const arrays = {
      modes: { put: 'merge', patch: 'merge' } as const,
      learnedAt: new Date(NOW).toISOString(),
    };
    const plan = { write: { company: 'Lee Ltd' }, clear: [] };
    const result = await writeContact(
      UPDATE,
      plan,
      { ...CATALOG, arrays },
      {
        client: {
          async updateContact(_: number, { company }: { company?: { id: number } }) {
            written.push(company?.id);
            if (refused.includes(company?.id ?? 0)) throw refusal;
            return { id: 5 };
          },
        } as never,
        companies: {
          async idOf(...all) {
            asked.push(all);
            const id = ids[asked.length - 1] ?? 0;
            if (id instanceof Error) throw id;
            return id;
          },
        },
        now: () => NOW,
      },
      options,
    ).catch((error: unknown) => error);
    return { result, written, asked };
  }

  it('is written with its id', async () => {
    expect(await write([7], [])).toEqual({ result: { id: 5 }, written: [7], asked: [['Lee Ltd']] });
  });

  it('that the CRM refuses to create is refused as a field; other failures are thrown', async () => {
    const { result } = await write([refusal], []);
    expect(result).toBeInstanceOf(RefusedFieldsError);
    expect(result).toMatchObject({ fields: ['company'], cause: refusal });
    const down = new RetryableError('down');
    expect((await write([down], [])).result).toBe(down);
  });

  it('is looked up again when the CRM refuses the contact, and written with another id', async () => {
    const { result, written, asked } = await write([7, 8], [7]);
    expect(result).toEqual({ id: 5 });
    expect(written).toEqual([7, 8]);
    expect(asked).toEqual([['Lee Ltd'], ['Lee Ltd', 7]]);
  });

  it('that has the same id is not the reason for a refusal', async () => {
    expect(await write([7, 7], [7])).toMatchObject({ result: refusal, written: [7] });
    expect(await write([7, 8], [7], { isRepeated: true })).toMatchObject({ result: refusal, written: [7] });
  });
});

describe('a contact that is found or created by the email, where it is not known that arrays are merged', () => {
  const EMAIL1 = ANN.email;
  const email = { email_addresses: [{ field: 'EMAIL1', email: EMAIL1 }] };

  async function upsert(write: FieldPlan['write']) {
    const requests: unknown[][] = [];
    const contact = { id: 5, phone_numbers: [{ field: 'PHONE2', number: '+12125550100' }] };
    const client = {
      async upsertContact(body: object) {
        requests.push(['upsert', body]);
        return { id: 5 };
      },
      async updateContact(id: number, body: object) {
        requests.push(['update', id, body]);
        return { ...contact, given_name: 'Ann' };
      },
      async readContact(id: number, properties: readonly string[]) {
        requests.push(['read', id, properties]);
        return contact;
      },
      createContact: () => Promise.reject(new Error('not asked for')),
    };
    const claim = async ({ id }: Contact, isWhole: boolean) => void requests.push(['claim', id, isWhole]);
    const dependencies = { client, companies: { idOf: async () => 7 }, now: () => NOW };
    const plan = { write, clear: [] };
    const result = await writeContact({ kind: 'upsert' }, plan, CATALOG, dependencies, { claim });
    return { result, requests };
  }

  it('is claimed, and then has its arrays written, with what was added by hand', async () => {
    const { result, requests } = await upsert({ EMAIL1, given_name: 'Ann', PHONE1: '+12125550123' });
    const phones = [
      { field: 'PHONE1', number: '+12125550123' },
      { field: 'PHONE2', number: '+12125550100' },
    ];
    expect(requests).toEqual([
      ['upsert', { ...email, given_name: 'Ann' }],
      ['claim', 5, false],
      ['read', 5, []],
      ['update', 5, { phone_numbers: [expect.objectContaining(phones[0]), phones[1]] }],
    ]);
    expect(result).toMatchObject({ given_name: 'Ann' });
  });

  it('costs one request without other arrays', async () => {
    const { result, requests } = await upsert({ EMAIL1, given_name: 'Ann' });
    expect(requests).toEqual([
      ['upsert', { ...email, given_name: 'Ann' }],
      ['claim', 5, true],
    ]);
    expect(result).toEqual({ id: 5 });
  });

  it('is created, if it must be new, whatever the email', async () => {
    const created: object[] = [];
    const unused = () => Promise.reject(new Error('not asked for'));
    const createContact = async (body: object) => {
      created.push(body);
      return { id: 6 };
    };
    const client = { createContact, upsertContact: unused, updateContact: unused, readContact: unused };
    const plan = { write: { EMAIL1, given_name: 'Ann' }, clear: [] };
    const companies = { idOf: async () => 7 };
    const options = { client, companies, now: () => NOW };
    const claimed: unknown[] = [];
    const claim = async ({ id }: Contact, isWhole: boolean) => void claimed.push([id, isWhole]);
    expect(await writeContact({ kind: 'create' }, plan, CATALOG, options, { claim })).toEqual({ id: 6 });
    expect(claimed).toEqual([[6, true]]);
    expect(created).toEqual([{ ...email, given_name: 'Ann' }]);
  });

  it('cannot be written with a lead source or an owner whose id is unknown', async () => {
    await expect(upsert({ EMAIL1, lead_source: 'App' })).rejects.toThrow('lead source');
    await expect(upsert({ EMAIL1, owner: 'heidi@example.com' })).rejects.toThrow('staff');
  });
});
