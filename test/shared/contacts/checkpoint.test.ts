import { describe, expect, it } from 'vitest';
import { checkpointOf, uncertainState } from '../../../shared/contacts/checkpoint.ts';
import { VISIBILITY_MS } from '../../../shared/quota/retry-policy.ts';
import type { DesiredState } from '../../../shared/sync/desired-state.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { fingerprintOf, UNCERTAIN } from '../../../shared/sync/plan.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { CATALOG } from '../../support/backfill-users.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';

startCrmForEachTest();

describe('a lost answer and an edit before the next try', () => {
  const lost = (name: 'applyTags' | 'removeTags' | 'updateContact') => ({
    ...crm.client,
    [name]: async (...all: [number, never]) => {
      await (crm.client[name] as (...parameters: [number, never]) => Promise<unknown>)(...all);
      throw new RetryableError('lost');
    },
  });
  const syncedUser = async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users).receive(changeOf('ann'));
    return users;
  };

  it.each(['applyTags', 'removeTags'] as const)('leave the right tags: %s', async (name) => {
    const users = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' } });
    await consumerOf(crm, users, { client: lost(name) }).receive(changeOf('ann'));
    users.edit('ann', { subscription: { status: 'trial' } });
    await consumerOf(crm, users).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect(users.user('ann').crm).not.toHaveProperty('uncertainTagIds');
  });

  it('leave no stale value', async () => {
    const users = await syncedUser();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    await consumerOf(crm, users, { client: lost('updateContact') }).receive(changeOf('ann'));
    users.edit('ann', { firstName: 'Ann', phone: undefined });
    await consumerOf(crm, users).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.values).toEqual({
      'email_addresses.EMAIL1': ANN.email,
      given_name: 'Ann',
    });
  });

  it('leave no stale tag when the environment died', async () => {
    const users = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' } });
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > 1) throw new Error('killed');
      return writeCrm(...all);
    };
    await consumerOf(crm, users).receive(changeOf('ann'));
    users.table.writeCrm = writeCrm;
    users.edit('ann', { subscription: { status: 'trial' } });
    // The messages of a dead environment come back after the end of its invocation.
    await consumerOf(crm, users, { now: () => NOW + VISIBILITY_MS }).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

describe('the state before the first request', () => {
  const idOf = (name: string) => CATALOG.tags[name.toLowerCase()] ?? 0;
  const [app, trial, active, week1] = [
    'App User',
    'Subscription: Trial',
    'Subscription: Active',
    'Week 1',
  ].map(idOf);
  const desired: DesiredState = {
    fields: { EMAIL1: 'ann@example.com', given_name: 'Ann' },
    tags: ['Week 1', 'Subscription: Active', 'App User'],
    warnings: [],
  };
  const { EMAIL1 = '', given_name = '' } = fingerprintOf(desired.fields);
  const before = (crm: CrmState) => checkpointOf(crm, desired, CATALOG, mapping);

  it.each<[string, CrmState, Partial<CrmState>]>([
    [
      'of a new contact: all fields and tags are uncertain, in the order of their ids',
      {},
      {
        fingerprint: { EMAIL1: UNCERTAIN, given_name: UNCERTAIN },
        uncertainTagIds: [app, active, week1] as number[],
        emails: ['ann@example.com'],
      },
    ],
    [
      'of a change of the email: the contact may have either, or one of which nothing is known',
      {
        contactId: 7,
        fingerprint: { EMAIL1: UNCERTAIN, given_name },
        emails: ['a@example.com', 'b@example.com'],
      },
      {
        fingerprint: { EMAIL1: UNCERTAIN, given_name },
        uncertainTagIds: [app, active, week1] as number[],
        emails: ['a@example.com', 'b@example.com', 'ann@example.com'],
      },
    ],
    [
      'of a change back to an earlier email: it is the newest',
      { contactId: 7, fingerprint: { given_name }, emails: ['ann@example.com', 'b@example.com'] },
      {
        fingerprint: { EMAIL1: UNCERTAIN, given_name },
        uncertainTagIds: [app, active, week1] as number[],
        emails: ['b@example.com', 'ann@example.com'],
      },
    ],
    [
      'of a contact that is right: nothing is uncertain',
      { contactId: 7, fingerprint: { EMAIL1, given_name }, tagIds: [app, active, week1] as number[] },
      {
        contactId: 7,
        fingerprint: { EMAIL1, given_name },
        tagIds: [app, active, week1] as number[],
        uncertainTagIds: [],
      },
    ],
    [
      'of a change: what is written or cleared, added or removed, and what was uncertain before',
      {
        contactId: 7,
        fingerprint: { EMAIL1, given_name: 'old', PHONE1: 'old' },
        tagIds: [app, trial] as number[],
        uncertainTagIds: [99],
      },
      {
        fingerprint: { EMAIL1, given_name: UNCERTAIN, PHONE1: UNCERTAIN },
        tagIds: [app] as number[],
        uncertainTagIds: [trial, active, week1, 99] as number[],
      },
    ],
  ])('%s', (_, crm, expected) => {
    expect(before(crm)).toEqual({ ...crm, ...expected });
  });

  it('of a contact of which nothing is known has every field of the mapping and every managed tag as uncertain', () => {
    const { tagIds, untrusted, fingerprint, uncertainTagIds, ...rest } = uncertainState(
      { contactId: 7, tagIds: [1], untrusted: true, fingerprint: { website: 'old' } },
      CATALOG,
      mapping,
    );
    expect({ tagIds, untrusted, rest }).toEqual({ rest: { contactId: 7 } });
    expect(fingerprint).toMatchObject({
      EMAIL1: UNCERTAIN,
      'custom_fields.Program': UNCERTAIN,
      website: UNCERTAIN,
    });
    expect(new Set(uncertainTagIds)).toEqual(new Set(Object.values(CATALOG.tags)));
  });
});
