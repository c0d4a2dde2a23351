import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergesArrays } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { catalogSource } from '../../../shared/infusionsoft/catalog/catalog-source.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { SimulatorOptions } from '../../simulator/simulator.ts';
import { ANN } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { invocationOf, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
const start = async (options: SimulatorOptions = {}) => {
  crm = await startCrm(options);
};
beforeEach(() => start());
afterEach(() => crm.stop());
const withEmail = async (email: string) => (await crm.admin.contacts(email))[0];
const message = (userId: string) => record(userMessage(userId));

describe.each(['merge', 'replace'] as const)('an account in which array items %s', (arrays) => {
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
    'keeps what people typed in, with the answer %s',
    async (answer) => {
      await crm.stop();
      await start({ arrays, searchDelayMs: 0 });
      await crm.preload(BY_HAND);
      await crm.admin.declareOwnership();
      const { mode, ...unlearned } = (await crm.catalog.current()).arrays ?? { learnedAt: '' };
      expect(mode).toBe(arrays);
      const now = answer === 'outdated' ? NOW + 365 * 24 * 3_600_000 : NOW;
      if (answer === 'unknown') {
        await crm.table.writeCatalog({ ...(await crm.catalog.current()), arrays: unlearned });
      }
      const users = memoryUserTable({ ...ANN, phone: '+12125550123' });
      const fresh = answer === 'unknown' ? crm.another() : crm.catalog;
      const { receive } = consumerOf({ ...crm, catalog: fresh }, users, { now: () => now });
      await receive(message('ann'));
      users.edit('ann', { phone: '+12125550199', email: 'ann@new.example', progress: { program: 'Run' } });
      await receive(message('ann'));
      const contact = await withEmail('ann@new.example');
      expect(contact).toMatchObject({
        ...kept,
        values: { ...kept.values, 'email_addresses.EMAIL1': 'ann@new.example' },
      });
      expect(contact?.customFields).toMatchObject({ Program: 'Run', 'App User Id': 'ann' });
      expect((await crm.admin.stats()).foreignWrites).toEqual([]);
    },
  );
});

describe('the experiment with arrays', () => {
  it.each(['merge', 'replace'] as const)(
    'costs five requests, leaves nothing behind, and learns: %s',
    async (arrays) => {
      await crm.stop();
      await start({ arrays });
      expect((await crm.catalog.current()).arrays?.mode).toBe(arrays);
      const { requests, contacts } = await crm.admin.stats();
      expect(contacts).toBe(0);
      expect(requests).toMatchObject({
        'POST /contacts': 1,
        'PATCH /contacts/{id}': 1,
        'GET /contacts/{id}': 2,
        'DELETE /contacts/{id}': 1,
      });
      expect(requests).not.toHaveProperty('GET /contacts');
    },
  );

  it('holds up nobody where the CRM is too slow for it, and is made again six hours later', async () => {
    let isSlow = true;
    const updateContact: typeof crm.client.updateContact = async (...all) => {
      if (isSlow) throw new RetryableError('The invocation ends too soon', { afterMs: 0 });
      return crm.client.updateContact(...all);
    };
    let clock = Date.now();
    const catalog = catalogSource({
      table: crm.table,
      client: { ...crm.client, updateContact },
      mapping,
      invocation: () => invocationOf('a', 1, clock),
      now: () => clock,
    });
    const first = await catalog.current();
    expect(mergesArrays(first, clock)).toBe(false);
    isSlow = false;
    clock += 6 * 3_600_000 - 1000;
    expect(await catalog.current()).toEqual(first);
    clock += 2000;
    expect((await catalog.current()).arrays?.mode).toBe('merge');
  });
});
