import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogSource } from '../../../../shared/infusionsoft/catalog/catalog-source.ts';
import { detectArrayModes, PROBE_NAME } from '../../../../shared/infusionsoft/catalog/detect-array-modes.ts';
import type { InfusionsoftClient } from '../../../../shared/infusionsoft/client.ts';
import { NotFoundError } from '../../../../shared/infusionsoft/http/failures.ts';
import { RejectedError, RetryableError } from '../../../../shared/sync/errors.ts';
import { invocationOf, startCrm } from '../../../support/crm-under-test.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MERGE = { put: 'merge', patch: 'merge' };

let crm: Awaited<ReturnType<typeof startCrm>>;
let leftovers: [problem: string, contactId: number | undefined][];
beforeEach(async () => {
  crm = await startCrm();
  leftovers = [];
});
afterEach(() => crm.stop());

const onLeftover = (problem: string, contactId?: number) => void leftovers.push([problem, contactId]);
const detect = async (
  client: Partial<InfusionsoftClient> = {},
  records: Partial<typeof crm.table> = {},
  customFieldIds: readonly number[] = [],
) =>
  detectArrayModes({
    client: { ...crm.client, ...client },
    customFieldIds,
    records: { ...crm.table, ...records },
    probe: await crm.table.readProbe(),
    onLeftover,
    now: Date.now(),
  });
const failing = (error: Error) => async () => {
  throw error;
};
const ids = async () => (await crm.contacts()).map(({ id }) => id);

/** The environment dies before its nth request takes effect, and does nothing any more. */
class Killed extends Error {}
const dyingBefore = (request: number) => {
  let made = 0;
  const wrap = <Name extends keyof InfusionsoftClient>(name: Name) => ({
    [name]: async (...all: unknown[]) => {
      if (++made >= request) throw new Killed();
      return (crm.client[name] as (...each: unknown[]) => Promise<unknown>)(...all);
    },
  });
  const names = ['upsertContact', 'readContact', 'updateContact', 'deleteContact'] as const;
  return Object.assign({}, ...names.map(wrap)) as Partial<InfusionsoftClient>;
};

/** After its death, it stores nothing. */
const dead = (): Partial<typeof crm.table> => {
  let writes = 0;
  return {
    writeProbe: async (probe) => {
      if (writes++ > 0) throw new Killed();
      await crm.table.writeProbe(probe);
    },
  };
};

describe('an environment that dies', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'before request %d leaves nothing behind after the next detection',
    async (request) => {
      const died = detect(dyingBefore(request), dead());
      await expect(died).rejects.toThrow(Killed);
      expect(await ids()).toHaveLength(request === 1 ? 0 : 1);
      expect(await detect()).toEqual(MERGE);
      expect(await ids()).toEqual([]);
      expect(await crm.table.readProbe()).toEqual({ email: expect.stringMatching(/^user-sync-probe-/) });
      expect(leftovers).toEqual([]);
    },
  );

  it('has its probe left alone for a minute, since its last request may still be running', async () => {
    let clock = Date.now();
    await expect(detect(dyingBefore(3), dead())).rejects.toThrow(Killed);
    const source = () =>
      catalogSource({
        table: crm.table,
        client: crm.client,
        mapping: crm.mapping,
        invocation: () => invocationOf('b', 1, clock),
        onLeftover,
        now: () => clock,
      });
    expect((await source().current()).arrays?.modes).toBeUndefined();
    expect(await ids()).toHaveLength(1);
    clock += MINUTE_MS + 1000;
    expect((await source().current()).arrays?.modes).toEqual(MERGE);
    expect(await ids()).toEqual([]);
  });
});

describe('a contact', () => {
  it('with the name of the probe is not touched: it may be a person’s', async () => {
    const people = await crm.preload({ values: PROBE_NAME }, { values: PROBE_NAME });
    expect(await detect()).toEqual(MERGE);
    expect(await ids()).toEqual(people.map(({ id }) => id));
  });

  it.each([
    ['was renamed', { family_name: 'Lee' }],
    ['has another email, as after a merge', { 'email_addresses.EMAIL2': 'ann@example.com' }],
    ['has another first email', { 'email_addresses.EMAIL1': 'ann@example.com' }],
  ])('that %s is neither changed by its id nor deleted, and is reported once', async (_, values) => {
    const upsertContact: InfusionsoftClient['upsertContact'] = async (body) => {
      const contact = await crm.client.upsertContact(body);
      await crm.admin.edit(contact.id, { values });
      return contact;
    };
    const requests = await crm.requestsOf(async () =>
      expect(await detect({ upsertContact })).toBeUndefined(),
    );
    expect(requests).not.toHaveProperty('PATCH /contacts/{id}');
    expect(requests).not.toHaveProperty('DELETE /contacts/{id}');
    const left = await ids();
    expect(leftovers).toEqual([[expect.stringContaining('may not be the probe'), left[0]]]);
    expect(await detect()).toEqual(MERGE);
    expect(await ids()).toEqual(left);
    expect(leftovers).toHaveLength(1);
  });

  it.each([
    [
      'does not show its name',
      (id: number, email: string) => ({ id, email_addresses: [{ field: 'EMAIL1', email }] }),
    ],
    ['shows no emails', (id: number) => ({ id, ...PROBE_NAME, email_addresses: null })],
    ['shows only its id', (id: number) => ({ id })],
  ])('stays if the answer %s', async (_, shown) => {
    let email = '';
    const upsertContact: InfusionsoftClient['upsertContact'] = (body) => {
      email = body.email_addresses?.[0]?.email ?? '';
      return crm.client.upsertContact(body);
    };
    const readContact: InfusionsoftClient['readContact'] = async (id) => shown(id, email);
    expect(await detect({ upsertContact, readContact })).toBeUndefined();
    expect(await ids()).toHaveLength(1);
  });

  it('that a search or a faulty answer names is not deleted: the id is proven by the random email', async () => {
    const [stranger] = await crm.preload({
      values: { given_name: 'Ann', 'email_addresses.EMAIL1': 'ann@example.com' },
    });
    const upsertContact: InfusionsoftClient['upsertContact'] = async (body) => ({
      ...(await crm.client.upsertContact(body)),
      id: stranger?.id ?? 0,
    });
    expect(await detect({ upsertContact })).toBeUndefined();
    expect(await ids()).toContain(stranger?.id);
    expect((await crm.contacts()).find(({ id }) => id === stranger?.id)?.values).toMatchObject({
      given_name: 'Ann',
    });
  });
});

describe('a probe', () => {
  it('whose deletion fails is deleted by the next detection', async () => {
    await expect(detect({ deleteContact: failing(new RetryableError('down')) })).rejects.toThrow('down');
    expect(await ids()).toHaveLength(1);
    expect(await detect()).toEqual(MERGE);
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
    expect(await crm.table.readProbe()).toEqual({ email: expect.stringMatching(/^user-sync-probe-/) });
  });

  it('that the CRM does not know for a while is found again by its email', async () => {
    await expect(detect({ readContact: failing(new NotFoundError('404')) })).rejects.toThrow(NotFoundError);
    expect(await ids()).toHaveLength(1);
    expect(await detect()).toEqual(MERGE);
    expect(await ids()).toEqual([]);
  });

  it('that is gone when it is to be deleted costs nothing', async () => {
    const deleteContact: InfusionsoftClient['deleteContact'] = async (id) => {
      await crm.admin.removeContact(id);
      return crm.client.deleteContact(id);
    };
    expect(await detect({ deleteContact })).toEqual(MERGE);
    expect(await detect()).toEqual(MERGE);
    expect(await ids()).toEqual([]);
    expect(leftovers).toEqual([]);
  });

  it('whose email could not be stored is not created', async () => {
    await expect(detect({}, { writeProbe: failing(new Error('throttled')) })).rejects.toThrow('throttled');
    expect(await ids()).toEqual([]);
  });

  it.each([
    ['lists', { emptyLists: false }],
    ['properties', { emptyLists: false, nulls: false }],
  ])('shows both modes also where empty %s are missing', async (_, answers) => {
    await crm.admin.set('answers', answers);
    expect(await detect()).toEqual(MERGE);
  });
});

it('arrays of custom fields count as well as those of phone numbers', async () => {
  const { id: first } = await crm.client.createCustomField('First', 'Text');
  const { id: second } = await crm.client.createCustomField('Second', 'Text');
  const updateContact: InfusionsoftClient['updateContact'] = async (id, body) => {
    const contact = await crm.client.updateContact(id, body);
    return crm.client.updateContact(contact.id, { custom_fields: [{ id: first, content: '' }] });
  };
  expect(await detect({ updateContact }, {}, [first, second])).toEqual({ put: 'merge', patch: 'replace' });
});

it.each([0, 1])(
  'a creation that is not confirmed is repeated an hour later with the same email; part with an effect: %d',
  async (afterEffect) => {
    let clock = Date.now();
    let isBroken = true;
    const emails = new Set<string | null | undefined>();
    const upsertContact: InfusionsoftClient['upsertContact'] = async (body) => {
      emails.add(body.email_addresses?.[0]?.email);
      if (isBroken) await crm.admin.set('faults', { rate: 1, kinds: ['truncated'], afterEffect });
      try {
        return await crm.client.upsertContact(body);
      } finally {
        await crm.admin.set('faults', { rate: 0 });
      }
    };
    const source = () =>
      catalogSource({
        table: crm.table,
        client: { ...crm.client, upsertContact },
        mapping: crm.mapping,
        invocation: () => invocationOf('a', 1, clock),
        onLeftover,
        now: () => clock,
      });
    expect((await source().current()).arrays?.modes).toBeUndefined();
    expect(await ids()).toHaveLength(afterEffect);
    isBroken = false;
    clock += HOUR_MS - 1000;
    expect((await source().current()).arrays?.modes).toBeUndefined();
    clock += 2000;
    expect((await source().current()).arrays?.modes).toEqual(MERGE);
    expect(emails.size).toBe(1);
    expect(await ids()).toEqual([]);
    expect(leftovers).toEqual([]);
  },
);
