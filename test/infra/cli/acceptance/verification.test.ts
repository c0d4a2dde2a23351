import { afterEach, describe, expect, it } from 'vitest';
import { syncStateOf } from '../../../../infra/cli/acceptance/polling.ts';
import { verifyDeleted, verifyUser } from '../../../../infra/cli/acceptance/verification.ts';
import { provisionalCatalog } from '../../../../infra/cli/preview/provisional-catalog.ts';
import type { DeletionPolicy } from '../../../../shared/contacts/retire-contact.ts';
import { anonymousBody } from '../../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../../shared/infusionsoft/schemas.ts';
import { namedProperties } from '../../../../shared/user/contact-fields.ts';
import type { Mapping } from '../../../../shared/user/define-mapping.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { requirementsOf } from '../../../../shared/user/requirements.ts';
import { population } from '../../../demo/population.ts';
import { consumerOf, record } from '../../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../../support/crm-under-test.ts';
import { richMapping } from '../../../support/rich-mapping.ts';
import { userMessage } from '../../../support/user-message.ts';

const NONE: ReadonlySet<string> = new Set();

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

/** A user who was synced, and the contact. */
async function synced(of: Mapping = mapping, deletionPolicy: DeletionPolicy = 'mark') {
  crm = await startCrm({}, of);
  await crm.admin.set('directory', { staff: ['heidi@example.com'] });
  const [first] = population(1, 5, Date.now()).users;
  if (!first) throw new Error('There is a user');
  const { userId } = first;
  const table = memoryUserTable({ ...first, firstName: 'Annelise', phone: '+16465551000' });
  const { receive } = consumerOf(crm, table, { now: Date.now });
  await receive(record(userMessage(userId)));
  const { catalog } = provisionalCatalog(await crm.catalog.current(), requirementsOf(of), Date.now());
  const context = { mapping: of, catalog, deletionPolicy, now: Date.now() };
  const properties = namedProperties(await crm.client.listOptionalProperties());
  const contact = await crm.client.readContact(table.user(userId).crm?.contactId ?? 0, properties);
  return { userId, table, context, contact };
}

describe('the verification of a user', () => {
  it.each([
    ['the app', mapping],
    ['every kind of field', richMapping],
  ])('finds nothing wrong after a sync with the mapping of %s', async (_, of) => {
    const { userId, table, context, contact } = await synced(of);
    const { deviations } = await verifyUser(table.user(userId), 'created', contact, NONE, context);
    expect(deviations).toEqual([]);
    expect(await syncStateOf(table.user(userId), context)).toBe('done');
  });

  it('reports each wrong field and tag, with the expected and the found value', async () => {
    const { userId, table, context, contact } = await synced();
    const weekTag = contact.tag_ids?.find((id) => id !== context.catalog.tags['app user']);
    const wrong: Contact = {
      ...contact,
      given_name: 'Somebody',
      phone_numbers: [],
      tag_ids: (contact.tag_ids ?? []).filter((id) => id !== weekTag),
    };
    const { deviations } = await verifyUser(table.user(userId), 'fields', wrong, NONE, context);
    const about = { userId, change: 'fields' };
    expect(deviations).toEqual([
      { ...about, field: 'given_name', expected: 'Annelise', found: 'Somebody' },
      { ...about, field: 'PHONE1', expected: '+16465551000', found: null },
      { ...about, field: expect.stringMatching(/^tag /), expected: 'on', found: 'off' },
    ]);
  });

  it('accepts the formats in which the CRM returns dates and numbers', async () => {
    const { userId, table, context, contact } = await synced();
    const dateId = context.catalog.customFields['app download date'];
    const formatted: Contact = {
      ...contact,
      phone_numbers: [{ field: 'PHONE1', number: '(646) 555-1000', number_e164: '+16465551000' }],
      custom_fields: contact.custom_fields?.map((field) =>
        field.id === dateId ? { ...field, content: `${field.content}T00:00:00.000+0000` } : field,
      ),
    };
    const { deviations } = await verifyUser(table.user(userId), 'created', formatted, NONE, context);
    expect(deviations).toEqual([]);
  });

  it('reports a field that the CRM does not return, and treats it as empty only if it was requested', async () => {
    const { userId, table, context, contact } = await synced();
    const { time_zone, ...others } = contact;
    const verified = (requested: ReadonlySet<string>) =>
      verifyUser(table.user(userId), 'created', others as Contact, requested, context);
    expect(await verified(NONE)).toEqual({ deviations: [], notReturned: ['time_zone'] });
    expect(await verified(new Set(['time_zone']))).toMatchObject({
      deviations: [{ field: 'time_zone', expected: time_zone, found: null }],
      notReturned: [],
    });
  });

  it('says that there is no contact', async () => {
    const { userId, table, context } = await synced();
    const { deviations } = await verifyUser(table.user(userId), 'created', undefined, NONE, context);
    expect(deviations).toEqual([
      {
        userId,
        change: 'created',
        field: 'contact',
        expected: expect.stringMatching(/^contact \d/),
        found: null,
      },
    ]);
  });
});

describe('the state of a sync', () => {
  it('is pending from a change until the sync has finished it', async () => {
    const { userId, table, context } = await synced();
    const { crm: state } = table.user(userId);
    table.edit(userId, { firstName: 'Zoë' });
    expect(await syncStateOf(table.user(userId), context)).toBe('pending');
    table.edit(userId, { firstName: 'Annelise' });
    expect(await syncStateOf(table.user(userId), context)).toBe('done');
    const lease = { environment: 'a', invocation: 1, until: new Date(context.now + 60_000).toISOString() };
    table.edit(userId, { crm: { ...state, lease } });
    expect(await syncStateOf(table.user(userId), context)).toBe('pending');
    table.edit(userId, { crm: undefined });
    expect(await syncStateOf(table.user(userId), context)).toBe('pending');
  });

  it('is rejected, with the reason, after a rejection', async () => {
    const { userId, table, context } = await synced();
    const rejection = { reason: 'refused-by-crm', errorId: 'x', at: '2027-01-01T00:00:00Z' };
    table.edit(userId, { crm: { rejection } });
    expect(await syncStateOf(table.user(userId), context)).toEqual({ rejected: 'refused-by-crm' });
  });
});

describe('the verification of a deleted user', () => {
  const deletedTagOf = (context: Awaited<ReturnType<typeof synced>>['context']) =>
    context.catalog.tags['account deleted'] ?? 0;

  it.each<[DeletionPolicy, 'deleted' | 'untagged' | 'marked' | 'as it was' | 'anonymous']>([
    ['delete', 'deleted'],
    ['untag', 'untagged'],
    ['mark', 'marked'],
    ['leave', 'as it was'],
    ['anonymise', 'anonymous'],
  ])('with the policy %s accepts a contact that is %s, and no other', async (policy, accepted) => {
    const { userId, table, context, contact } = await synced(mapping, policy);
    const marked = { ...contact, tag_ids: [deletedTagOf(context)] };
    const contacts: Record<typeof accepted, Contact | undefined> = {
      deleted: undefined,
      untagged: { ...contact, tag_ids: [] },
      marked,
      'as it was': contact,
      anonymous: { ...marked, ...(anonymousBody(contact) as Partial<Contact>) },
    };
    for (const [name, found] of Object.entries(contacts)) {
      const deviations = await verifyDeleted(table.user(userId), found, context);
      // An anonymous contact is a marked one too.
      const isRight = name === accepted || (accepted === 'marked' && name === 'anonymous');
      expect({ name, isRight: deviations.length === 0 }).toEqual({ name, isRight });
      for (const deviation of deviations) expect(deviation).toMatchObject({ userId, change: 'deleted' });
    }
  });
});
