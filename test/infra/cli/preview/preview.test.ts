import { afterEach, describe, expect, it } from 'vitest';
import { compare, comparisonText } from '../../../../infra/cli/preview/comparison.ts';
import { previewUser, storedContact } from '../../../../infra/cli/preview/preview-user.ts';
import { provisionalCatalog } from '../../../../infra/cli/preview/provisional-catalog.ts';
import { summarise } from '../../../../infra/cli/preview/summary.ts';
import { estimate, summaryText } from '../../../../infra/cli/preview/summary-report.ts';
import type { Mapping } from '../../../../shared/user/define-mapping.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { requirementsOf } from '../../../../shared/user/requirements.ts';
import type { User } from '../../../../shared/user/user.ts';
import { population } from '../../../demo/population.ts';
import { consumerOf, record } from '../../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../../support/crm-under-test.ts';
import { richMapping } from '../../../support/rich-mapping.ts';
import { userMessage } from '../../../support/user-message.ts';

const DAY_MS = 86_400_000;

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

async function start(of: Mapping = mapping, count = 12) {
  crm = await startCrm({}, of);
  await crm.admin.set('directory', { staff: ['heidi@example.com'] });
  const { users } = population(count, 5, Date.now());
  const table = memoryUserTable(...users);
  const { receive } = consumerOf(crm, table, { now: Date.now });
  const sync = (userId: string) => receive(record(userMessage(userId)));
  const contextOf = async (target: Mapping = of, now = Date.now()) => {
    const { catalog, created } = provisionalCatalog(await crm.catalog.current(), requirementsOf(target), now);
    return { context: { mapping: target, catalog, deletionPolicy: 'mark' as const, now }, created };
  };
  const contactOf = async (user: User) =>
    user.crm?.contactId ? crm.client.readContact(user.crm.contactId) : undefined;
  return { users, table, sync, contextOf, contactOf };
}

describe('a preview of a user', () => {
  it.each([
    ['the app', mapping],
    ['every kind of field', richMapping],
  ])('with the mapping of %s names the very requests that the sync then makes', async (_, of) => {
    const { users, table, sync, contextOf, contactOf } = await start(of);
    const look = async () => {
      for (const { userId } of users) {
        const { context } = await contextOf();
        const user = table.user(userId);
        const contact = await contactOf(user);
        const promised: Record<string, number> = {};
        for (const { method, route } of (await previewUser(user, contact, context)).requests)
          promised[`${method} ${route}`] = (promised[`${method} ${route}`] ?? 0) + 1;
        const made = await crm.requestsOf(() => sync(userId));
        delete made['GET /companies'];
        delete made['POST /companies'];
        // Once for each country and month.
        delete made['GET /locales/countries/{country}/provinces'];
        expect(made).toEqual(promised);
        const { context: then } = await contextOf();
        const after = await previewUser(table.user(userId), await contactOf(table.user(userId)), then);
        expect(after.requests).toEqual([]);
      }
    };
    await look();
    for (const [index, { userId }] of users.entries()) {
      if (index % 4 === 1) table.edit(userId, { firstName: 'Changed', phone: undefined });
      if (index % 4 === 2)
        table.edit(userId, { subscription: { status: 'expired' }, timeZone: 'Asia/Tokyo' });
      if (index % 4 === 3) table.edit(userId, { progress: undefined, locale: 'de-DE' });
    }
    await look();
  });

  it('shows both sides, marks what differs, and names fields and tags', async () => {
    const { users, table, sync, contextOf, contactOf } = await start(richMapping, 1);
    const { userId = '' } = users[0] ?? {};
    table.edit(userId, { subscription: { status: 'active' } });
    await sync(userId);
    table.edit(userId, { firstName: 'Zoë', subscription: { status: 'cancelled' } });
    const { context } = await contextOf();
    const user = table.user(userId);
    const contact = await contactOf(user);
    const comparison = compare(userId, contact, await previewUser(user, contact, context), context);
    const differing = comparison.fields.filter(({ current, desired }) => current !== desired);
    expect(differing.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['given_name', 'custom_fields.Plan Name']),
    );
    expect(comparison.fields).toContainEqual({
      field: 'lead_source',
      current: 'Fitness App',
      desired: 'Fitness App',
    });
    const text = comparisonText(comparison);
    expect(text).toMatch(/≠ +given_name +\S+ +Zoë/);
    expect(text).toMatch(/≠ +Subscription: Cancelled +– +on/);
    expect(text).toContain('POST /contacts/{id}/tags  Subscription: Cancelled');
  });

  it('of another day shows the tags that time alone changes', async () => {
    const { users, table, sync, contextOf } = await start(mapping, 1);
    const { userId = '' } = users[0] ?? {};
    table.edit(userId, { lastActiveAt: new Date().toISOString() });
    await sync(userId);
    const { context } = await contextOf(mapping, Date.now() + 40 * DAY_MS);
    const { desired, requests } = await previewUser(
      table.user(userId),
      storedContact(table.user(userId)),
      context,
    );
    expect(desired.tags).toContain('Inactive 30 days');
    expect(requests.map(({ method }) => method)).toEqual(['DELETE', 'POST']);
  });

  it('has the contacts that the user has to leave', async () => {
    const { users, table, sync, contextOf } = await start();
    const { userId = '' } = users[0] ?? {};
    await sync(userId);
    const user = table.user(userId);
    const { context } = await contextOf();
    const leaving = { ...user, crm: { ...user.crm, formerContactIds: [999] } };
    const { requests, postponed } = await previewUser(leaving, storedContact(user), context);
    expect(postponed).toBeUndefined();
    expect(requests.map(({ method, route }) => `${method} ${route}`)).toEqual([
      'DELETE /contacts/{id}/tags',
      'PATCH /contacts/{id}',
    ]);
  });

  it('of all users goes on after one whose sync would be tried again later', async () => {
    const { users, table, contextOf } = await start();
    const { context } = await contextOf();
    const [first, ...others] = users.map(({ userId }) => table.user(userId));
    const at = new Date(context.now).toISOString();
    const creating = { userId: 'x', ...first, crm: { attempt: { at, email: 'another' } } };
    expect((await previewUser(creating, undefined, context)).postponed).toMatch('may not show');
    const summary = await summarise([creating, ...others], context, 100);
    expect(summary).toMatchObject({ users: users.length, contactsCreated: others.length });
    expect(Object.values(summary.postponed)).toEqual([1]);
  });

  it('shows why a user would be rejected', async () => {
    const { contextOf } = await start();
    const { context } = await contextOf();
    const preview = await previewUser({ userId: 'x', email: 'no email' }, undefined, context);
    expect(preview).toMatchObject({ rejected: 'no-usable-email', requests: [] });
  });
});

describe('a preview of all users', () => {
  const withCity: Mapping = {
    ...mapping,
    customFields: { ...mapping.customFields, Zone: { type: 'Text', value: ({ timeZone }) => timeZone } },
  };

  it('of the deployed mapping shows no changes once all users are synced', async () => {
    const { users, table, sync, contextOf } = await start();
    for (const { userId } of users) await sync(userId);
    const { context, created } = await contextOf();
    const summary = await summarise(
      users.map(({ userId }) => table.user(userId)),
      context,
      100,
    );
    expect(summary).toMatchObject({ users: 12, changed: 0, requests: 0 });
    expect(created).toEqual([]);
  });

  it('of another mapping shows what it would change, by name, and how many requests that takes', async () => {
    const { users, table, sync, contextOf } = await start();
    for (const { userId } of users) await sync(userId);
    const { context, created } = await contextOf(withCity);
    expect(created).toEqual(['custom field "Zone"']);
    const summary = await summarise(
      users.map(({ userId }) => table.user(userId)),
      context,
      100,
    );
    expect(summary).toMatchObject({
      changed: 12,
      requests: 12,
      contactsUpdated: 12,
      fields: { 'custom_fields.Zone': 12 },
      byRoute: { 'PATCH /contacts/{id}': 12 },
    });
    const frame = {
      total: 1200,
      created,
      problems: ['tag "VIP": is missing'],
      requestsPerSecond: 25,
      requestsPerDay: 125_000,
    };
    const estimated = estimate(summary, frame);
    expect(estimated.estimate).toMatchObject({ requests: 1200, minutesAtPace: 0.8, shareOfDay: 0.0096 });
    expect(summaryText(estimated)).toMatch(/a sample of 12 of about 1,200 users/);
    expect(summaryText(estimated)).toContain('Left out: tag "VIP": is missing.\n');
  });

  it('says what is corrected or left out, and why, without values', async () => {
    const { users, contextOf } = await start();
    const { context } = await contextOf();
    const odd = users.map((user) => ({ ...user, timeZone: 'Europe/Paris', locale: 'es-419' }));
    const summary = await summarise(odd, context, 100);
    expect(summary.warnings).toEqual({
      'time_zone: replaced by a time zone of the CRM with the same rules': odd.length,
      'preferred_locale: left out: not a locale of a language and a country with two letters each, such as en_US':
        odd.length,
    });
    const frame = { total: 12, created: [], problems: [], requestsPerSecond: 25, requestsPerDay: 125_000 };
    expect(summaryText(estimate(summary, frame))).toMatch(/Corrected or left out\n(.*\n)+.*time_zone/);
  });

  it('counts tag requests as a backfill makes them: for many users together, or one by one where that is cheaper', async () => {
    const { users, contextOf } = await start();
    const { context } = await contextOf();
    const few = await summarise(users.slice(0, 2), context, 100);
    expect(few.byRoute).toEqual({
      'PUT /contacts': 2,
      'PUT /emailAddresses/{email}': 1,
      'POST /contacts/{id}/tags': 2,
    });
    expect(few).toMatchObject({ contactsCreated: 2, fields: { marketingConsent: 1 } });
    const many = Array.from({ length: 50 }, (_, index) => ({
      ...(users[index % users.length] as User),
      userId: `u${index}`,
    }));
    const summary = await summarise(many, context, 100);
    expect(summary.byRoute['PUT /contacts']).toBe(50);
    expect(summary.byRoute).not.toHaveProperty('POST /contacts/{id}/tags');
    expect(summary.byRoute['POST /tags/{id}/contacts']).toBe(Object.keys(summary.tagsAdded).length);
  });
});
