import { describe, expect, it } from 'vitest';
import { planSync } from '../../../lambdas/backfill/plan-user.ts';
import { refusalLines } from '../../../shared/infusionsoft/catalog/refusals.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';

startCrmForEachTest();

/** A zone that the vendor's list probably has, and the simulator has not. */
const REFUSED_ZONE = 'Pacific/Auckland';
const shown = async () => (await contactWithEmail('ann@example.com'))?.values ?? {};

describe('a value that the CRM refuses', () => {
  it('costs the field and not the user, with one request more, and nothing until it changes', async () => {
    const users = memoryUserTable({ ...ANN, timeZone: REFUSED_ZONE, locale: 'en-US' });
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(() => receive(changeOf('ann')));
    expect(cost).toEqual({ 'PUT /contacts': 2, 'POST /contacts/{id}/tags': 1 });
    expect([rejected, outcomes]).toEqual([[], ['synced', 'withoutField']]);
    expect(await shown()).toMatchObject({ given_name: 'Ann', preferred_locale: 'en_US' });
    expect(await shown()).not.toHaveProperty('time_zone');
    const { crm: state } = users.user('ann');
    expect(state?.refusedFields).toEqual({ time_zone: expect.any(String) });
    expect(state?.fingerprint).not.toHaveProperty('time_zone');

    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({});
    users.edit('ann', { firstName: 'Anna' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({ 'PATCH /contacts/{id}': 1 });
    users.edit('ann', { timeZone: 'Europe/Paris' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({ 'PATCH /contacts/{id}': 1 });
    expect(await shown()).toMatchObject({ given_name: 'Anna', time_zone: 'Europe/Berlin' });
    expect(users.user('ann').crm).not.toHaveProperty('refusedFields');
  });

  it.each([false, true])('removes an older value of the sync (unnamed: %s)', async (unnamedRefusals) => {
    await crm.admin.set('strictness', { unnamedRefusals });
    const users = memoryUserTable({ ...ANN, timeZone: 'Asia/Tokyo' });
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    users.edit('ann', { timeZone: REFUSED_ZONE, firstName: 'Anna', progress: undefined });
    const { 'PATCH /contacts/{id}': writes = 0 } = await crm.requestsOf(() => receive(changeOf('ann')));
    expect(writes).toBeLessThanOrEqual(4);
    expect(await shown()).toMatchObject({ given_name: 'Anna' });
    expect(await shown()).not.toHaveProperty('time_zone');
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({});
  });

  it('is found by leaving fields out where the answer names none, with at most four requests', async () => {
    await crm.admin.set('strictness', { unnamedRefusals: true });
    await crm.admin.refuseValues('Strength');
    const users = memoryUserTable({ ...ANN, locale: 'en-US' });
    const { receive, rejected } = consumerOf(crm, users);
    const { 'PUT /contacts': puts = 0, 'PATCH /contacts/{id}': patches = 0 } = await crm.requestsOf(() =>
      receive(changeOf('ann')),
    );
    expect(puts + patches).toBeLessThanOrEqual(4);
    expect(rejected).toEqual([]);
    const contact = await contactWithEmail('ann@example.com');
    expect(contact).toMatchObject({ customFields: { 'App User Id': 'ann' }, tags: ANN_TAGS });
    const refused = Object.keys(users.user('ann').crm?.refusedFields ?? {});
    expect(refused).toContain('custom_fields.Program');
    expect(refused.length).toBeLessThanOrEqual(3);
  });

  it('needs no sync by a tag job or a backfill until it changes', async () => {
    const users = memoryUserTable({ ...ANN, timeZone: REFUSED_ZONE });
    await consumerOf(crm, users).receive(changeOf('ann'));
    const catalog = await crm.catalog.current();
    expect(planSync(users.user('ann'), { mapping, catalog, now: NOW })).toEqual({ kind: 'nothing' });
    users.edit('ann', { timeZone: 'Asia/Tokyo' });
    expect(planSync(users.user('ann'), { mapping, catalog, now: NOW })).toMatchObject({ kind: 'sync' });
  });

  it('is counted by field, without values and users', async () => {
    const users = memoryUserTable(
      { ...ANN, timeZone: REFUSED_ZONE },
      { ...ANN, userId: 'bea', email: 'bea@example.com', timeZone: REFUSED_ZONE },
    );
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    await receive(changeOf('bea'));
    await receive(changeOf('bea'));
    const { value } = (await crm.table.refusals.read()) ?? {};
    const at = new Date(NOW).toISOString();
    expect(value).toEqual({ time_zone: { count: 2, since: at, lastAt: at } });
    expect(refusalLines(value, NOW)).toEqual([
      expect.stringMatching(/^time_zone: .* refused 2 values since/),
    ]);
    expect(refusalLines(value, NOW + 31 * 86_400_000)).toEqual([]);
  });

  it('of the email is a rejection as before', async () => {
    await crm.admin.refuseValues('ann@');
    const { receive, rejected } = consumerOf(crm, memoryUserTable(ANN));
    const { 'PUT /contacts': puts } = await crm.requestsOf(() => receive(changeOf('ann')));
    expect(puts).toBe(1);
    expect(rejected).toMatchObject([{ error: { reason: 'refused-by-crm' } }]);
    expect(await crm.contacts()).toEqual([]);
  });
});

describe('a region', () => {
  const withAddress: Mapping = {
    ...mapping,
    contact: {
      ...mapping.contact,
      BILLING: ({ firstName, lastName }) => ({
        line1: '1 Main St',
        region: firstName,
        country_code: lastName,
        postal_code: '92808',
      }),
    },
  };
  const synced = async (firstName: string, lastName: string, strict = {}) => {
    const other = await startCrm({ strict }, withAddress);
    try {
      const users = memoryUserTable({ ...ANN, firstName, lastName });
      const consumer = consumerOf(other, users);
      const cost = await other.requestsOf(() => consumer.receive(changeOf('ann')));
      users.edit('ann', { phone: '+12125550123' });
      const again = await other.requestsOf(() => consumer.receive(changeOf('ann')));
      const [contact] = await other.contacts();
      return { values: contact?.values ?? {}, cost, again, rejected: consumer.rejected, users };
    } finally {
      await other.stop();
    }
  };
  const LIST = 'GET /locales/countries/{country}/provinces';

  it.each([
    ['CA', 'California'],
    ['us-ca', 'California'],
    ['california', 'California'],
  ])('%s is written by the list of the account, which is read once', async (region, name) => {
    const { values, cost, again } = await synced(region, 'USA');
    expect(values).toMatchObject({
      'addresses.BILLING.region': name,
      'addresses.BILLING.country_code': 'USA',
    });
    expect(cost).toMatchObject({ [LIST]: 1, 'PUT /contacts': 1 });
    expect(again).toEqual({ 'PATCH /contacts/{id}': 1 });
  });

  it.each([
    ['Narnia', 'USA'],
    ['Central', 'SGP'],
    ['Anywhere', 'XXX'],
  ])(
    '%s of %s, which the list does not have, is left out, and the rest of the address is written',
    async (region, country) => {
      const { values, cost, again, rejected } = await synced(region, country);
      expect(values).toMatchObject({
        'addresses.BILLING.line1': '1 Main St',
        'addresses.BILLING.postal_code': '92808',
      });
      expect(values).not.toHaveProperty('addresses.BILLING.region');
      expect(cost).toMatchObject({ [LIST]: 1, 'PUT /contacts': 1 });
      expect([again, rejected]).toEqual([{ 'PATCH /contacts/{id}': 1 }, []]);
    },
  );

  it('is asked for in no account whose users have none', async () => {
    const { cost } = await synced('', 'USA');
    expect(cost).not.toHaveProperty(LIST);
  });
});
