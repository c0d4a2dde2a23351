import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogSource } from '../../../../shared/infusionsoft/catalog/catalog-source.ts';
import { readProvinces } from '../../../../shared/infusionsoft/catalog/provinces.ts';
import { refreshCatalog } from '../../../../shared/infusionsoft/catalog/refresh-catalog.ts';
import type { InfusionsoftClient } from '../../../../shared/infusionsoft/client.ts';
import { ForbiddenError, NotFoundError } from '../../../../shared/infusionsoft/http/failures.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';
import { managedTags } from '../../../../shared/user/define-mapping.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { requirementsOf } from '../../../../shared/user/requirements.ts';
import { invocationOf, startCrm } from '../../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

const preload = (tags: string[], customFields: Record<string, string>) =>
  ky.post(`${crm.url}/_simulator/contacts`, { json: [{ tags, customFields }], fetch: crm.fetch });
const refresh = (client: Partial<InfusionsoftClient>) =>
  refreshCatalog({
    client: { ...crm.client, ...client },
    requirements: requirementsOf(mapping),
    now: Date.now(),
    records: crm.table,
    onLeftover: () => {},
  });
const source = (owner: string) =>
  catalogSource({
    table: crm.table,
    client: crm.client,
    mapping,
    invocation: () => invocationOf(owner),
  });

describe('the catalog', () => {
  it('creates what is missing, and nothing else', async () => {
    await preload(['app user', 'VIP', 'WEEK 1'], { program: 'x', 'Shoe Size': '41' });
    await crm.catalog.current();
    const { requests, tags } = await crm.admin.stats();
    expect(requests['POST /tags']).toBe(managedTags(mapping).length - 2);
    expect(requests['POST /contacts/model/customFields']).toBe(Object.keys(mapping.customFields).length - 1);
    expect(tags).toBe(managedTags(mapping).length + 1);
  });

  it('is created once, although several environments find it missing at the same time', async () => {
    const catalogs = await Promise.all(['a', 'b', 'c', 'd'].map((owner) => source(owner).current()));
    expect(new Set(catalogs.map((catalog) => JSON.stringify(catalog))).size).toBe(1);
    expect((await crm.admin.stats()).tags).toBe(managedTags(mapping).length);
  });

  it('costs no request if the table has it', async () => {
    await source('a').current();
    const { totalRequests } = await crm.admin.stats();
    await source('b').current();
    expect((await crm.admin.stats()).totalRequests).toBe(totalRequests);
  });

  it('has the provinces of the countries that were asked for, which one environment reads', async () => {
    const LIST = 'GET /locales/countries/{country}/provinces';
    const sources = ['a', 'b', 'c'].map(source);
    await Promise.all(sources.map((each) => each.withProvinces(['USA'])));
    expect((await crm.admin.stats()).requests[LIST]).toBe(1);
    const { provinces } = await source('d').withProvinces(['USA', 'XXX']);
    expect(provinces).toMatchObject({ USA: { names: { 'US-CA': 'California' } }, XXX: { names: {} } });
    expect((await crm.admin.stats()).requests[LIST]).toBe(2);
    expect((await source('e').withProvinces([])).provinces).toEqual(provinces);
    expect((await crm.admin.stats()).requests[LIST]).toBe(2);
  });

  it('keeps provinces over a refresh for a month', async () => {
    const previous = await source('a').withProvinces(['USA']);
    const provincesAfter = async (days: number) => {
      const now = Date.now() + days * 86_400_000;
      return (
        await refreshCatalog({
          client: crm.client,
          requirements: requirementsOf(mapping),
          now,
          previous,
          records: crm.table,
          onLeftover: () => {},
        })
      ).provinces;
    };
    expect(await provincesAfter(29)).toEqual(previous.provinces);
    expect(await provincesAfter(31)).toEqual({});
  });

  it('lacks provinces that the account refuses to show; a failure that may pass is thrown', async () => {
    const read = (failure: Error) =>
      readProvinces({ listProvinces: () => Promise.reject(failure) }, 'USA', Date.now());
    expect((await read(new ForbiddenError('403'))).names).toEqual({});
    expect((await read(new NotFoundError('404'))).names).toEqual({});
    await expect(read(new RetryableError('503'))).rejects.toThrow('503');
  });

  it('of another environment is used within a minute, without a request', async () => {
    let clock = Date.now();
    const { table, client } = crm;
    const invocation = () => invocationOf('a', 1, clock);
    const mine = catalogSource({ table, client, mapping, invocation, now: () => clock });
    const first = await mine.current();
    await table.writeCatalog({ ...first, problems: ['found by another'] });
    const { totalRequests } = await crm.admin.stats();
    expect((await mine.current()).problems).toEqual([]);
    clock += 61_000;
    expect((await mine.current()).problems).toEqual(['found by another']);
    expect((await crm.admin.stats()).totalRequests).toBe(totalRequests);
  });

  it('is read from the CRM again on demand, once for all environments', async () => {
    const first = await source('a').current();
    await crm.fetch(`${crm.url}/_simulator/tags/Week%203`, { method: 'DELETE' });
    const since = Date.parse(first.refreshedAt);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const [one, other] = await Promise.all([source('a').newerThan(since), source('b').newerThan(since)]);
    expect(one).toEqual(other);
    expect(one.tags['week 3']).not.toBe(first.tags['week 3']);
    expect((await crm.admin.stats()).tags).toBe(managedTags(mapping).length);
  });

  it('is completed after another environment died while creating it', async () => {
    await crm.table.acquireLease(
      'catalog',
      { ...invocationOf('dead'), endsAt: Date.now() + 300 },
      Date.now(),
    );
    await crm.client.createTag('App User', '');
    await source('b').current();
    expect((await crm.admin.stats()).tags).toBe(managedTags(mapping).length);
  });

  it('uses the oldest of several tags with the same name', async () => {
    const listTags = async () => [9, 4, 7].map((id) => ({ id, name: 'App User' }));
    const catalog = await refresh({ listTags });
    expect(catalog.tags['app user']).toBe(4);
  });
});
