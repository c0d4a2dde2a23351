import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { provisionalCatalog } from '../../../../infra/cli/preview/provisional-catalog.ts';
import { problemsOf } from '../../../../shared/infusionsoft/catalog/account.ts';
import { catalogSource } from '../../../../shared/infusionsoft/catalog/catalog-source.ts';
import { resolveRequirements } from '../../../../shared/infusionsoft/catalog/resolve-requirements.ts';
import type { InfusionsoftClient } from '../../../../shared/infusionsoft/client.ts';
import {
  ForbiddenError,
  NotFoundError,
  UncertainError,
} from '../../../../shared/infusionsoft/http/failures.ts';
import { RejectedError } from '../../../../shared/sync/errors.ts';
import { requirementsOf } from '../../../../shared/user/requirements.ts';
import { ANN as ACTIVE_ANN } from '../../../support/ann.ts';
import { type ConsumerOptions, consumerOf, record } from '../../../support/consumer-under-test.ts';
import { invocationOf, memoryUserTable, startCrm } from '../../../support/crm-under-test.ts';
import { inspection } from '../../../support/inspection.ts';
import { richMapping } from '../../../support/rich-mapping.ts';
import { LATER, tagJob } from '../../../support/tagging.ts';
import { userMessage } from '../../../support/user-message.ts';

const DAY_MS = 86_400_000;
/** Her tags depend on no time. */
const { lastActiveAt: _, ...ANN } = ACTIVE_ANN;
const REFUSED = ['Week 3', 'Subscription: Trial', 'Program'];
const PROBLEMS = [
  expect.stringMatching(/^tag "Subscription: Trial": is missing, and the account does not allow /),
  expect.stringMatching(/^tag "Week 3": is missing, and the account does not allow /),
  expect.stringMatching(/^custom field "Program": is missing, and the account does not allow /),
];

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

const refuse = (...refusedCreations: string[]) => crm.admin.set('directory', { refusedCreations });
/** A consumer that reads its own catalog. */
const consumer = (users: ReturnType<typeof memoryUserTable>, options: ConsumerOptions = {}) =>
  consumerOf({ client: crm.client, table: crm.table, mapping: crm.mapping }, users, {
    now: Date.now,
    ...options,
  });
const listings = async () => (await crm.admin.stats()).requests['GET /tags'];
const shown = async (email: string = ANN.email) => (await crm.admin.contacts(email))[0];

describe('a field and tags that the account refuses to create', () => {
  it('are left out, and cost no dead letter, no retry and no other listing', async () => {
    await refuse(...REFUSED);
    const users = memoryUserTable(
      ...['u1', 'u2', 'u3'].map((userId) => ({ ...ANN, userId, email: `${userId}@example.com` })),
    );
    const { receive, rejected, retries, outcomes } = consumer(users);
    await receive(...['u1', 'u2', 'u3'].map((userId) => record(userMessage(userId))));
    const { requests } = await crm.admin.stats();
    for (const userId of ['u1', 'u2', 'u3']) await receive(record(userMessage(userId)));
    expect(rejected).toEqual([]);
    expect(retries).toEqual([]);
    expect(outcomes).toEqual([...Array(3).fill('synced'), ...Array(3).fill('unchanged')]);
    expect((await crm.admin.stats()).requests).toEqual(requests);
    const contact = await shown('u2@example.com');
    expect(contact?.tags).toEqual(['App User']);
    expect(contact?.customFields).toMatchObject({ 'App User Id': 'u2', 'Program Week': '3' });
    expect(contact?.customFields).not.toHaveProperty('Program');
  });

  it('are named once: in the catalog and in the log', async () => {
    await refuse(...REFUSED);
    const logger = new Logger({ logLevel: 'SILENT' });
    const error = vi.spyOn(logger, 'error');
    const { receive } = consumer(memoryUserTable(ANN), { logger });
    await receive(record(userMessage('ann')));
    await receive(record(userMessage('ann')));
    expect((await crm.table.readCatalog())?.problems).toEqual(PROBLEMS);
    expect(error.mock.calls).toEqual([['The mapping does not fit the account', { problems: PROBLEMS }]]);
  });

  it('are warnings of each user whom they concern', async () => {
    await refuse(...REFUSED);
    const logger = new Logger({ logLevel: 'SILENT' });
    const info = vi.spyOn(logger, 'info');
    const { receive } = consumer(memoryUserTable(ANN, { userId: 'bob', email: 'bob@example.com' }), {
      logger,
    });
    await receive(record(userMessage('ann')));
    await receive(record(userMessage('bob')));
    const [ann, bob] = info.mock.calls.map(([, details]) => details as { warnings?: unknown });
    expect(ann?.warnings).toEqual([
      {
        field: 'custom_fields.Program',
        problem: 'left out: the account lacks the field, or it does not fit the mapping',
      },
      { field: 'tags.Subscription: Trial', problem: 'left out: the account lacks the tag' },
      { field: 'tags.Week 3', problem: 'left out: the account lacks the tag' },
    ]);
    expect(bob).not.toHaveProperty('warnings');
  });

  it('are created at the next refresh of the catalog, and written then', async () => {
    await refuse(...REFUSED);
    let clock = Date.now();
    const { receive } = consumer(memoryUserTable(ANN), { now: () => clock });
    await receive(record(userMessage('ann')));
    await refuse();
    clock += 6 * DAY_MS;
    await receive(record(userMessage('ann')));
    expect((await shown())?.tags).not.toContain('Week 3');
    clock += 2 * DAY_MS;
    await receive(record(userMessage('ann')));
    expect((await crm.table.readCatalog())?.problems).toEqual([]);
    const contact = await shown();
    expect(contact?.tags).toEqual(expect.arrayContaining(['Subscription: Trial', 'Week 3']));
    expect(contact?.customFields).toMatchObject({ Program: 'Strength' });
  });

  it.each([
    ['a refusal (400)', new RejectedError('refused-by-crm', 'no', { status: 400 })],
    ['a missing scope (403)', new ForbiddenError('no')],
    ['a missing route (404)', new NotFoundError('no')],
  ])('may be refused by %s', async (_, error) => {
    const refused = async () => {
      throw error;
    };
    const account = await resolveRequirements(
      { ...crm.client, createTag: refused, createCustomField: refused, createLeadSource: refused },
      requirementsOf(richMapping),
      { create: true },
    );
    const { tags, customFields, leadSources } = account;
    const all = [...tags, ...customFields, ...leadSources];
    expect(problemsOf({ ...account, contactTypes: [] })).toHaveLength(all.length);
    expect(all.every((item) => !('id' in item))).toBe(true);
  });

  it.each(['createTag', 'createCustomField', 'createLeadSource'] as const)(
    'are none if %s fails for a while: nothing is stored, and the next message tries again',
    async (name) => {
      const failing = async () => {
        throw new UncertainError('The CRM failed (503)');
      };
      const failingClient: InfusionsoftClient = { ...crm.client, [name]: failing };
      const source = (client: InfusionsoftClient) =>
        catalogSource({
          table: crm.table,
          client,
          mapping: richMapping,
          invocation: () => invocationOf('a'),
        });
      await expect(source(failingClient).current()).rejects.toThrow(UncertainError);
      expect(await crm.table.readCatalog()).toBeUndefined();
      const { problems } = await source(crm.client).current();
      expect(problems).toEqual([]);
    },
  );
});

describe('a tag that was deleted in the CRM, and that the account refuses to create again', () => {
  it('is left out: the user gets the other tags, and no other user costs a listing', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const { receive, rejected, retries } = consumer(users);
    await consumer(memoryUserTable()).receive(inspection(crm.mapping, true));
    await receive(record(userMessage('bob')));
    await crm.admin.removeTag('Week 3');
    await refuse('Week 3');
    await receive(record(userMessage('ann')));
    expect((await shown())?.tags).toEqual(['App User', 'Subscription: Trial']);
    expect((await crm.table.readCatalog())?.problems).toEqual([PROBLEMS[1]]);
    const listed = await listings();
    await receive(record(userMessage('bob')));
    await receive(record(userMessage('ann')));
    expect(await listings()).toBe(listed);
    expect(rejected).toEqual([]);
    expect(retries).toEqual([]);
    for (const userId of ['ann', 'bob']) {
      const { tagIds, uncertainTagIds } = users.user(userId).crm ?? {};
      expect(tagIds).toHaveLength(2);
      expect(uncertainTagIds).toBeUndefined();
    }
  });

  it('is left out by a tag job', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `u${index}`);
    const users = memoryUserTable(
      ...ids.map((userId) => ({ ...ANN, userId, email: `${userId}@example.com` })),
    );
    const { receive, rejected } = consumer(users);
    const changedAt = new Date().toISOString();
    for (const userId of ids) await receive(record(userMessage(userId, { ...LATER, changedAt })));
    await crm.admin.removeTag('Week 3');
    await refuse('Week 3');
    const job = tagJob(ids);
    expect(await receive(job)).toEqual([job.messageId]);
    expect(await receive(job)).toEqual([]);
    const contacts = await crm.contacts();
    expect(contacts.map(({ tags }) => tags)).toEqual(ids.map(() => ['App User', 'Subscription: Trial']));
    expect(rejected).toEqual([]);
  });

  it('does not keep the contact of a deleted user from being retired', async () => {
    await refuse('Account Deleted');
    const users = memoryUserTable(ANN);
    const { receive, rejected, retries, outcomes } = consumer(users);
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    const changedAt = new Date(Date.now() + 1).toISOString();
    expect(await receive(record(userMessage('ann', { cause: 'deleted', contactId, changedAt })))).toEqual([]);
    expect([...rejected, ...retries]).toEqual([]);
    expect(outcomes.at(-1)).toBe('retired');
    expect((await shown())?.tags).toEqual([]);
  });
});

describe('a report on an account that has refused a creation', () => {
  const inspect = async (create = false) => {
    expect(await consumer(memoryUserTable()).receive(inspection(crm.mapping, create))).toEqual([]);
    const account = (await crm.table.readInspection())?.account;
    if (!account) throw new Error('There is no report');
    return problemsOf(account);
  };

  it('names the refusal, and does not announce that the next sync creates it', async () => {
    await refuse(...REFUSED);
    await consumer(memoryUserTable(ANN)).receive(record(userMessage('ann')));
    expect(await inspect()).toEqual(PROBLEMS);
    await refuse();
    expect(await inspect()).toEqual(PROBLEMS);
  });

  it('does not name what no sync has tried to create', async () => {
    await refuse(...REFUSED);
    expect(await inspect()).toEqual([]);
    await crm.table.writeCatalog({
      ...(await crm.another().current()),
      requirementsHash: 'of another mapping',
    });
    expect(await inspect()).toEqual([]);
  });

  it('does not name what a person has deleted since: the next sync creates it', async () => {
    await consumer(memoryUserTable(ANN)).receive(record(userMessage('ann')));
    await crm.admin.removeTag('Week 3');
    expect(await inspect()).toEqual([]);
    expect((await crm.table.readCatalog())?.tags).toHaveProperty('week 3');
    expect(await inspect()).toEqual([]);
  });

  it('tries again if asked to create, and the sync uses the result', async () => {
    await refuse(...REFUSED);
    const { receive } = consumer(memoryUserTable(ANN));
    await receive(record(userMessage('ann')));
    expect(await inspect(true)).toEqual(PROBLEMS);
    await refuse('Program');
    expect(await inspect(true)).toEqual([PROBLEMS[2]]);
    expect((await crm.table.readCatalog())?.problems).toEqual([PROBLEMS[2]]);
    await consumer(memoryUserTable(ANN)).receive(record(userMessage('ann')));
    expect((await shown())?.tags).toContain('Week 3');
  });

  it('lets the sync use what a person has created, although something else is still refused', async () => {
    await refuse(...REFUSED);
    await consumer(memoryUserTable(ANN)).receive(record(userMessage('ann')));
    await refuse();
    await crm.client.createTag('Week 3', '');
    expect(await inspect()).toEqual([PROBLEMS[0], PROBLEMS[2]]);
    expect((await crm.table.readCatalog())?.problems).toEqual([PROBLEMS[0], PROBLEMS[2]]);
    expect((await crm.table.readCatalog())?.tags).toHaveProperty('week 3');
  });
});

describe('a preview of an account that has refused a creation', () => {
  it('leaves it out, as the sync does, and does not announce that the sync creates it', async () => {
    await refuse(...REFUSED);
    await crm.catalog.current();
    const stored = await crm.table.readCatalog();
    const requirements = requirementsOf(crm.mapping);
    const { catalog, created } = provisionalCatalog(stored, requirements, Date.now());
    expect(created).toEqual([]);
    expect(catalog.tags).toEqual(stored?.tags);
    expect(catalog.customFields).toEqual(stored?.customFields);
    expect(catalog.problems).toEqual(PROBLEMS);
    const another = provisionalCatalog(stored, requirementsOf(richMapping), Date.now());
    expect(another.created).toEqual(
      expect.arrayContaining(REFUSED.map((name) => expect.stringContaining(name))),
    );
  });
});
