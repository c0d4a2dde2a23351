import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { companies } from '../../../shared/contacts/companies.ts';
import { ForbiddenError, UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import { INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { invocationOf, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

const ANN = { userId: 'ann', email: 'ann@example.com', firstName: 'Ann', lastName: 'Lee' };
/** An id that no company of the account has. */
const GONE = 99_999;

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm({}, richMapping);
});
afterEach(() => crm.stop());

/** The companies as one environment knows them. */
const environment = (name: string, client: Partial<typeof crm.client> = {}) =>
  companies({
    client: { ...crm.client, ...client },
    table: crm.table,
    invocation: () => invocationOf(name),
    now: Date.now,
  });
/** What some work costs, by route. */
const costOf = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
  await crm.admin.countAnew();
  await work();
  return (await crm.admin.stats()).requests;
};
const named = async (name: string) =>
  (await crm.admin.directory()).companies.filter((company) => company.name === name).map(({ id }) => id);

describe('a company', () => {
  it('is created once, however many users and environments name it', async () => {
    const users = memoryUserTable(
      ...[1, 2, 3, 4].map((index) => ({ ...ANN, userId: `u${index}`, email: `u${index}@example.com` })),
    );
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        one.receive(record(userMessage('u1')), record(userMessage('u2'))),
        two.receive(record(userMessage('u3')), record(userMessage('u4'))),
      ]);
    }
    expect((await crm.admin.directory()).companies.map(({ name }) => name)).toEqual(['Lee Ltd']);
  });

  it('is looked up once for all users of an environment, ignoring case, and never by another one', async () => {
    const one = environment('one');
    const cost = await costOf(() =>
      Promise.all([one.idOf('Lee Ltd'), one.idOf('LEE LTD'), one.idOf(' lee ltd ')]),
    );
    expect(cost).toEqual({ 'GET /companies': 1, 'POST /companies': 1 });
    expect(await costOf(() => one.idOf('lee ltd'))).toEqual({});
    const other = environment('other');
    expect(await costOf(() => other.idOf('Lee Ltd'))).toEqual({});
    expect(await other.idOf('Lee Ltd')).toBe(await one.idOf('Lee Ltd'));
  });

  it('is read from the sync table once by an environment', async () => {
    await environment('other').idOf('Lee Ltd');
    const reads: string[] = [];
    const readCompanyId: typeof crm.table.readCompanyId = async (key) => {
      reads.push(key);
      return crm.table.readCompanyId(key);
    };
    const one = companies({
      client: crm.client,
      table: { ...crm.table, readCompanyId },
      invocation: () => invocationOf('one'),
      now: Date.now,
    });
    for (let time = 0; time < 3; time++) await one.idOf('Lee Ltd');
    expect(reads).toHaveLength(1);
  });

  it('is the oldest of several with the same name', async () => {
    const findCompanies = async () => [9, 4, 7].map((id) => ({ id, company_name: 'Lee Ltd' }));
    expect(await environment('one', { findCompanies }).idOf('Lee Ltd')).toBe(4);
  });

  it('is looked up again after a failure, which leaves no lease behind', async () => {
    let fails = true;
    const findCompanies: typeof crm.client.findCompanies = async (name) => {
      if (fails) throw new ForbiddenError('no');
      return crm.client.findCompanies(name);
    };
    const one = environment('one', { findCompanies });
    await expect(one.idOf('Lee Ltd')).rejects.toThrow(ForbiddenError);
    fails = false;
    const id = await environment('other').idOf('Lee Ltd');
    expect(await one.idOf('Lee Ltd')).toBe(id);
  });

  it('is not created again for a minute after its creation was not answered, even if the search shows none', async () => {
    let created = 0;
    let isAnswered = false;
    const client = {
      findCompanies: async () => [],
      createCompany: async (company_name: string) => {
        created++;
        if (!isAnswered) throw new UncertainError('no answer');
        return { id: 7, company_name };
      },
    };
    const lookUp = (name: string, number: number, now: number) =>
      companies({
        client,
        table: crm.table,
        invocation: () => invocationOf(name, number, now),
        now: () => now,
      }).idOf('Lee Ltd');
    await expect(lookUp('one', 1, 0)).rejects.toThrow(UncertainError);
    await expect(lookUp('one', 2, 60_000)).rejects.toThrow('may have created it');
    await expect(lookUp('other', 1, 60_000)).rejects.toThrow('may have created it');
    expect(created).toBe(1);
    isAnswered = true;
    expect(await lookUp('other', 2, INVOCATION_MS + 60_001)).toBe(7);
  });

  it('is looked up at once after a search without an answer, or a refused creation', async () => {
    const failing = {
      findCompanies: async () => {
        throw new UncertainError('no answer');
      },
    };
    await expect(environment('one', failing).idOf('Lee Ltd')).rejects.toThrow(UncertainError);
    const refusing = {
      createCompany: async () => {
        throw new ForbiddenError('no');
      },
    };
    await expect(environment('two', refusing).idOf('Lee Ltd')).rejects.toThrow(ForbiddenError);
    expect([await environment('other').idOf('Lee Ltd')]).toEqual(await named('Lee Ltd'));
  });

  it('that another environment created just before is not created again, even if the search shows none', async () => {
    const acquireLease: typeof crm.table.acquireLease = async (...lease) => {
      await environment('other').idOf('Lee Ltd');
      return crm.table.acquireLease(...lease);
    };
    const one = companies({
      client: { ...crm.client, findCompanies: async () => [] },
      table: { ...crm.table, acquireLease },
      invocation: () => invocationOf('one'),
      now: Date.now,
    });
    expect([await one.idOf('Lee Ltd')]).toEqual(await named('Lee Ltd'));
  });

  it('that another environment is looking up is retried two seconds later', async () => {
    const answer = Promise.withResolvers<void>();
    const findCompanies: typeof crm.client.findCompanies = async (name) => {
      await answer.promise;
      return crm.client.findCompanies(name);
    };
    const first = environment('one', { findCompanies }).idOf('Lee Ltd');
    const other = environment('other');
    const failure = await other.idOf('Lee Ltd').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RetryableError);
    expect(failure).toMatchObject({ afterMs: 2000 });
    answer.resolve();
    const id = await first;
    expect(await other.idOf('Lee Ltd')).toBe(id);
  });
});

describe('a company whose id the CRM refuses', () => {
  const NAME = 'Lee Ltd';
  let isGone = false;
  beforeEach(() => {
    isGone = false;
  });
  /** An environment that found the company before it was deleted. */
  const remembering = async (name: string) => {
    const known = environment(name, {
      findCompanies: async (company) =>
        isGone ? crm.client.findCompanies(company) : [{ id: GONE, company_name: NAME }],
    });
    await known.idOf(NAME);
    return known;
  };

  it('is looked up again by its name, once for all environments', async () => {
    const [one, other] = [await remembering('one'), await remembering('other')];
    isGone = true;
    const { id } = await crm.client.createCompany(NAME);
    const cost = await costOf(async () => {
      const found = await Promise.all([one.idOf(NAME, GONE), one.idOf(NAME, GONE)]);
      expect(found).toEqual([id, id]);
      expect(await other.idOf(NAME, GONE)).toBe(id);
      expect(await environment('new').idOf(NAME)).toBe(id);
      expect(await one.idOf(NAME)).toBe(id);
    });
    expect(cost).toEqual({ 'GET /companies': 1 });
  });

  it('is created again if the account has none of the name', async () => {
    const one = await remembering('one');
    isGone = true;
    const id = await one.idOf(NAME, GONE);
    expect([id]).toEqual(await named(NAME));
    expect(id).not.toBe(GONE);
  });

  it('keeps its id if the CRM still has it: something else was refused', async () => {
    const { id } = await crm.client.createCompany(NAME);
    const one = environment('one');
    await one.idOf(NAME);
    expect(await costOf(async () => expect(await one.idOf(NAME, id)).toBe(id))).toEqual({
      'GET /companies': 1,
    });
    expect(await costOf(() => one.idOf(NAME))).toEqual({});
  });

  it('is not looked up by environments that have another id', async () => {
    const { id } = await crm.client.createCompany(NAME);
    const one = environment('one');
    await one.idOf(NAME);
    expect(await costOf(async () => expect(await one.idOf(NAME, GONE)).toBe(id))).toEqual({});
  });
});
