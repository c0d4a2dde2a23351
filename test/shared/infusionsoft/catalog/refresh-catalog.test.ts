import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergesArrays } from '../../../../shared/infusionsoft/catalog/catalog.ts';
import { catalogSource } from '../../../../shared/infusionsoft/catalog/catalog-source.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import type { SimulatorOptions } from '../../../simulator/simulator.ts';
import { invocationOf, startCrm } from '../../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
const start = async (options: SimulatorOptions = {}) => {
  crm = await startCrm(options);
};
beforeEach(() => start());
afterEach(() => crm.stop());

describe('the detection of the array modes', () => {
  it.each([
    { put: 'merge', patch: 'merge' },
    { put: 'merge', patch: 'replace' },
    { put: 'replace', patch: 'merge' },
    { put: 'replace', patch: 'replace' },
  ] as const)('takes six requests, leaves nothing behind, and learns: %j', async (arrays) => {
    await crm.stop();
    await start({ arrays });
    expect((await crm.catalog.current()).arrays?.modes).toEqual(arrays);
    const { requests, contacts } = await crm.admin.stats();
    expect(contacts).toBe(0);
    expect(requests).toMatchObject({
      'PUT /contacts': 2,
      'PATCH /contacts/{id}': 1,
      'GET /contacts/{id}': 2,
      'DELETE /contacts/{id}': 1,
    });
    expect(requests).not.toHaveProperty('GET /contacts');
    expect(requests).not.toHaveProperty('POST /contacts');
  });

  it('is skipped where the CRM is too slow, and repeated an hour later', async () => {
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
    for (const update of ['put', 'patch'] as const) expect(mergesArrays(first, update, clock)).toBe(false);
    isSlow = false;
    clock += 3_600_000 - 1000;
    expect(await catalog.current()).toEqual(first);
    clock += 2000;
    expect((await catalog.current()).arrays?.modes).toEqual({ put: 'merge', patch: 'merge' });
  });
});
