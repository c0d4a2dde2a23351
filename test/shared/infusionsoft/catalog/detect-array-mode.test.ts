import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogSource } from '../../../../shared/infusionsoft/catalog/catalog-source.ts';
import { detectArrayMode, PROBE_NAME } from '../../../../shared/infusionsoft/catalog/detect-array-mode.ts';
import type { InfusionsoftClient } from '../../../../shared/infusionsoft/client.ts';
import { RejectedError, RetryableError } from '../../../../shared/sync/errors.ts';
import { invocationOf, startCrm } from '../../../support/crm-under-test.ts';

const HOUR_MS = 3_600_000;
const PROBE_KEY = 'array-probe';

let crm: Awaited<ReturnType<typeof startCrm>>;
let leftovers: [problem: string, contactId: number | undefined][];
beforeEach(async () => {
  crm = await startCrm();
  leftovers = [];
});
afterEach(() => crm.stop());

const onLeftover = (problem: string, contactId?: number) => void leftovers.push([problem, contactId]);
const detect = (client: Partial<InfusionsoftClient> = {}, records: Partial<typeof crm.table> = {}) =>
  detectArrayMode({
    client: { ...crm.client, ...client },
    customFieldIds: [],
    records: { ...crm.table, ...records },
    onLeftover,
  });
const failing = (error: Error) => async () => {
  throw error;
};
const ids = async () => (await crm.contacts()).map(({ id }) => id);

describe('a probe of an earlier detection', () => {
  const leftBehind = async (values: Record<string, string> = {}) => {
    const [contact] = await crm.preload({ values: { ...PROBE_NAME, ...values } });
    const id = contact?.id ?? 0;
    await crm.table.writeId(PROBE_KEY, id);
    return id;
  };

  it('is deleted by its recorded id', async () => {
    await leftBehind();
    expect(await detect()).toBe('merge');
    expect(await ids()).toEqual([]);
    expect(await crm.table.readId(PROBE_KEY)).toBeUndefined();
    expect(leftovers).toEqual([]);
  });

  it('is not searched by its name: a contact with that name may be a person’s', async () => {
    const people = await crm.preload({ values: PROBE_NAME }, { values: PROBE_NAME });
    expect(await detect()).toBe('merge');
    expect(await ids()).toEqual(people.map(({ id }) => id));
  });

  it.each([
    ['was renamed', { family_name: 'Lee' }],
    ['has an email, as after a merge', { 'email_addresses.EMAIL2': 'ann@example.com' }],
  ])('stays if it %s, is reported once, and does not prevent the detection', async (_, values) => {
    const id = await leftBehind(values);
    expect([await detect(), await detect()]).toEqual(['merge', 'merge']);
    expect(await ids()).toEqual([id]);
    expect(leftovers).toEqual([[expect.stringContaining('no longer the probe'), id]]);
  });

  it('stays if the answer does not show its name', async () => {
    const id = await leftBehind();
    const readContact: InfusionsoftClient['readContact'] = async (contactId) =>
      contactId === id ? { id } : crm.client.readContact(contactId);
    await detect({ readContact });
    expect(await ids()).toEqual([id]);
  });

  it('may be gone already, also in the middle of its deletion', async () => {
    for (const goneAt of ['readContact', 'deleteContact'] as const) {
      const id = await leftBehind();
      const method = crm.client[goneAt] as (contactId: number) => Promise<never>;
      const gone = async (contactId: number) => {
        if (contactId === id) await crm.admin.removeContact(id);
        return method(contactId);
      };
      expect(await detect({ [goneAt]: gone })).toBe('merge');
    }
    expect(leftovers).toEqual([]);
  });
});

describe('a probe of this detection', () => {
  it('whose deletion fails is deleted by the next detection', async () => {
    await expect(detect({ deleteContact: failing(new RetryableError('down')) })).rejects.toThrow('down');
    expect(await ids()).toEqual([await crm.table.readId(PROBE_KEY)]);
    expect(await detect()).toBe('merge');
    expect(await ids()).toEqual([]);
  });

  it.each(['updateContact', 'readContact'] as const)('is deleted when %s fails', async (name) => {
    let calls = 0;
    const once = async (...all: [number, object]) => {
      if (calls++ === 0) throw new RejectedError('refused-by-crm', 'no');
      return (crm.client[name] as (...parameters: [number, object]) => Promise<never>)(...all);
    };
    await expect(detect({ [name]: once })).rejects.toThrow(RejectedError);
    expect(await ids()).toEqual([]);
  });

  it('is deleted when its id could not be recorded', async () => {
    await expect(detect({}, { writeId: failing(new Error('throttled')) })).rejects.toThrow('throttled');
    expect(await ids()).toEqual([]);
  });

  it('stays if its environment dies before the id is recorded: nothing proves that it is ours', async () => {
    const { id } = await crm.client.createContact({
      ...PROBE_NAME,
      phone_numbers: [{ field: 'PHONE1', number: '+15550100001' }],
    });
    expect(await detect()).toBe('merge');
    expect(await ids()).toEqual([id]);
  });
});

describe('the creation of a probe', () => {
  it.each([0, 1])(
    'that is not confirmed is reported, deletes nothing, and is repeated after six hours; part with an effect: %d',
    async (afterEffect) => {
      let clock = Date.now();
      const source = () =>
        catalogSource({
          table: crm.table,
          client: { ...crm.client, createContact: unconfirmed },
          mapping: crm.mapping,
          invocation: () => invocationOf('a', 1, clock),
          onLeftover,
          now: () => clock,
        });
      let creations = 0;
      const unconfirmed: InfusionsoftClient['createContact'] = async (body) => {
        creations++;
        await crm.admin.set('faults', { rate: 1, kinds: ['truncated'], afterEffect });
        try {
          return await crm.client.createContact(body);
        } finally {
          await crm.admin.set('faults', { rate: 0 });
        }
      };
      expect((await source().current()).arrays?.mode).toBeUndefined();
      clock += 6 * HOUR_MS - 1000;
      await source().current();
      expect(creations).toBe(1);
      clock += 2000;
      await source().current();
      expect(creations).toBe(2);
      expect(await ids()).toHaveLength(2 * afterEffect);
      expect(leftovers).toHaveLength(2);
    },
  );

  it('that is refused reports no leftover', async () => {
    const refused = detect({
      createContact: failing(new RetryableError('The account may not do this (403)')),
    });
    await expect(refused).rejects.toThrow('403');
    expect(leftovers).toEqual([]);
  });
});
