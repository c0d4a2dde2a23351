import { afterEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { mapping as appMapping } from '../../../shared/user/mapping.ts';
import { ANN } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { inspection } from '../../support/inspection.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

async function start(directory: Record<string, unknown> = {}) {
  crm = await startCrm({}, richMapping);
  await crm.admin.set('directory', { staff: ['heidi@example.com'], ...directory });
}
const consumer = () => consumerOf(crm, memoryUserTable(ANN), { now: Date.now });

describe('an inspection of the account', () => {
  it('reports what is missing or does not match, and creates nothing', async () => {
    await start({ contactTypes: ['Prospect'] });
    const { receive } = consumer();
    expect(await receive(inspection(richMapping))).toEqual([]);
    const { account } = (await crm.table.readInspection()) ?? {};
    expect(account?.tags.every(({ id }) => id === undefined)).toBe(true);
    expect(account?.contactTypes[1]?.problem).toMatch(/not a contact type of the account/);
    const { requests } = await crm.admin.stats();
    expect(Object.keys(requests).filter((route) => !route.startsWith('GET'))).toEqual([]);
  });

  it('creates what is missing if asked, and only once', async () => {
    await start();
    const { receive } = consumer();
    await receive(inspection(richMapping, true));
    const first = (await crm.table.readInspection())?.account;
    await receive(inspection(richMapping, true));
    expect((await crm.table.readInspection())?.account).toEqual(first);
    expect(first?.tags.every(({ id, contacts }) => id !== undefined && contacts === 0)).toBe(true);
  });

  it('without counts costs no request for each tag', async () => {
    await start();
    const { receive } = consumer();
    expect(await receive(inspection(richMapping, true, false))).toEqual([]);
    const { account } = (await crm.table.readInspection()) ?? {};
    expect(account?.tags.length).toBeGreaterThan(0);
    expect(account?.tags.every(({ id, contacts }) => id !== undefined && contacts === undefined)).toBe(true);
    const { requests } = await crm.admin.stats();
    expect(requests).not.toHaveProperty('GET /tags/{id}/contacts');
  });

  it('that has no time for all counts is partial, and the next delivery goes on', async () => {
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

  it('for the deployed mapping becomes the catalog, with the new id of a tag that was deleted by hand', async () => {
    await start();
    await consumer().receive(record(userMessage('ann')));
    const before = await crm.table.readCatalog();
    await crm.admin.removeTag('Week 9');
    const { receive } = consumer();
    await receive(inspection(richMapping, true));
    const after = await crm.table.readCatalog();
    expect(after?.tags['week 9']).toBeGreaterThan(before?.tags['week 9'] ?? 0);
    expect(after?.arrays).toEqual(before?.arrays);
  });

  it('for another mapping leaves the catalog as it is', async () => {
    await start();
    await consumer().receive(record(userMessage('ann')));
    const before = await crm.table.readCatalog();
    const { receive } = consumer();
    await receive(inspection(appMapping, true));
    expect(await crm.table.readCatalog()).toEqual(before);
  });
});
