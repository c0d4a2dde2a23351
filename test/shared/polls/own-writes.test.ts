import { describe, expect, it } from 'vitest';
import { type ContactRecords, ownWrites } from '../../../shared/polls/own-writes.ts';
import { MAX_RETRY_INTERVAL_MS } from '../../../shared/quota/retry-policy.ts';
import { hashAddress } from '../../../shared/sync/consent.ts';
import { fingerprintOf } from '../../../shared/sync/plan.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { failingFor } from '../../support/backfill-users.ts';
import { invocationOf } from '../../support/crm-under-test.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const CONTACT = 7;
const mapping: Mapping = {
  ...defaultMapping,
  customFields: {
    ...defaultMapping.customFields,
    Premium: { type: 'YesNo', value: () => true },
    Interests: { type: 'ListBox', options: ['Running', 'Yoga'], value: () => ['Yoga', 'Running'] },
  },
  contact: {
    ...defaultMapping.contact,
    BILLING: () => ({ line1: 'Street 1', country_code: 'DEU' }),
    OTHER: () => ({ line1: 'Street 2', region: 'BY', country_code: 'DEU' }),
    company: () => 'Acme',
    owner: () => 'Zoe@example.com',
  },
};
const catalog = {
  tags: { 'app user': 2, active: 4 },
  customFields: { program: 17, premium: 18, interests: 19 },
  staff: { 'zoe@example.com': 30 },
  provinces: { DEU: { readAt: new Date(NOW).toISOString(), names: { 'DE-BY': 'Bayern' } } },
  unusable: [],
  problems: [],
  refreshedAt: new Date(NOW).toISOString(),
};
const ANN: User = { userId: 'ann', email: 'ann@example.com', phone: '0151 1234567', locale: 'de-DE' };
const written = fingerprintOf({
  EMAIL1: 'ann@example.com',
  PHONE1: '+491511234567',
  BILLING: JSON.stringify({ line1: 'Street 1', country_code: 'DEU' }),
  OTHER: JSON.stringify({ line1: 'Street 2', region: 'DE-BY', country_code: 'DEU' }),
  company: 'Acme',
  owner: 'Zoe@example.com',
  'custom_fields.Program': 'Core',
  'custom_fields.Premium': '1',
  'custom_fields.Interests': 'Yoga,Running',
});
const state: CrmState = { contactId: CONTACT, tagIds: [2], fingerprint: written };

const own = (
  records: Partial<ContactRecords>,
  { readAt = NOW - 1000, showsUser = false, mapping: used = mapping } = {},
) =>
  ownWrites(
    {
      contactId: CONTACT,
      claim: { userId: 'ann', claimedAt: NOW - 10_000 },
      user: { ...ANN, crm: state },
      erasure: undefined,
      usersOfEmails: [],
      ...records,
    },
    { catalog, mapping: used, invocation: invocationOf('here', 1, NOW), showsUser, readAt, now: NOW },
  );
const withCrm = (crm: CrmState) => own({ user: { ...ANN, crm: { ...state, ...crm } } });

describe('of the contact of a user for whom the mapping throws', () => {
  it('the values that were written last are the sync’s own', () => {
    const failing = own({}, { mapping: failingFor('ann') });
    expect(failing.field('EMAIL1', 'ann@example.com')).toBe(true);
    expect(failing.field('EMAIL1', 'other@example.com')).toBe(false);
  });
});

describe('of a user’s contact, the sync’s own', () => {
  it.each<[string, string | undefined, boolean]>([
    ['EMAIL1', 'ann@example.com', true],
    ['EMAIL1', 'other@example.com', false],
    ['PHONE1', '(0151) 1234567', true],
    ['PHONE1', '+491519999999', false],
    ['BILLING', JSON.stringify({ country_code: 'DEU', line1: 'Street 1' }), true],
    ['OTHER', JSON.stringify({ country_code: 'DEU', line1: 'Street 2', region: 'Bayern' }), true],
    ['OTHER', JSON.stringify({ country_code: 'DEU', line1: 'Street 2', region: 'Berlin' }), false],
    ['BILLING', JSON.stringify({ country_code: 'DEU', line1: 'Street 2' }), false],
    ['company', 'ACME', true],
    ['owner', '30', true],
    ['owner', '31', false],
    ['custom_fields.17', 'Core', true],
    ['custom_fields.17', undefined, false],
    // Accounts show truth values as such, as texts or as numbers, and the items of a list in any order.
    ['custom_fields.18', 'true', true],
    ['custom_fields.18', '1', true],
    ['custom_fields.18', 'false', false],
    ['custom_fields.19', 'Running,Yoga', true],
    ['custom_fields.19', 'Running', false],
    ['custom_fields.99', 'Core', false],
    ['given_name', undefined, true],
    ['given_name', 'Ann', false],
    ['job_title', undefined, false],
  ])('field %s with the value %s: %s', (key, value, expected) => {
    expect(own({}).field(key, value)).toBe(expected);
  });

  it.each<[string, number, boolean, boolean]>([
    ['an applied tag that it applied', 2, true, true],
    ['an applied tag that it did not apply', 4, true, false],
    ['a removed tag that it does not have', 4, false, true],
    ['a removed tag that it has', 2, false, false],
    ['a removed tag that is not in the mapping', 99, false, false],
  ])('%s', (_, tagId, isApplied, expected) => {
    expect(own({}).tag(tagId, isApplied)).toBe(expected);
  });

  it('a value whose write had no answer is the one that the user should have', () => {
    const uncertain = withCrm({
      fingerprint: { ...written, EMAIL1: '?' },
      emails: ['before@example.com', 'tried@example.com'],
      uncertainTagIds: [4],
    });
    expect(uncertain.field('EMAIL1', 'ann@example.com')).toBe(true);
    // Ann has changed the email since.
    expect(uncertain.field('EMAIL1', 'Tried@example.com')).toBe(true);
    expect(uncertain.field('EMAIL1', 'other@example.com')).toBe(false);
    expect(uncertain.tag(4, true)).toBe(true);
  });
});

describe('a contact is looked at again', () => {
  const lease = (until: number) => ({
    environment: 'there',
    invocation: 1,
    until: new Date(until).toISOString(),
  });

  it.each<[string, CrmState, boolean]>([
    ['while a sync of its user runs', { lease: lease(NOW + 1000) }, true],
    ['not after the lease has ended', { lease: lease(NOW - 1000) }, false],
    ['if its user was synced after it was read', { syncedAt: new Date(NOW - 500).toISOString() }, true],
    ['not if its user was synced before', { syncedAt: new Date(NOW - 5000).toISOString() }, false],
  ])('%s', (_, crm, expected) => {
    expect(withCrm(crm).isUnsettled).toBe(expected);
  });

  it('while a user with its email may be creating it', () => {
    const creating: User = { ...ANN, crm: { attempt: { at: new Date(NOW).toISOString() } } };
    const withEmail = (user: User, claimedAt = NOW - MAX_RETRY_INTERVAL_MS) =>
      own({
        claim: undefined,
        user: undefined,
        usersOfEmails: [{ user, claim: { userId: 'ann', claimedAt } }],
      });
    expect(withEmail(creating).isUnsettled).toBe(true);
    expect(withEmail(ANN).isUnsettled).toBe(false);
    // Ann was deleted and created again during the first sync.
    expect(withEmail(ANN, NOW - 1000).isUnsettled).toBe(true);
    const rejection = { reason: 'refused-by-crm', errorId: 'e', at: new Date(NOW).toISOString() } as const;
    expect(withEmail({ ...ANN, crm: { rejection } }, NOW - 1000).isUnsettled).toBe(false);
  });

  it('while its user, who was deleted and created again during the first sync, has not been synced since', () => {
    const claim = { userId: 'ann', claimedAt: NOW - 1000 };
    expect(own({ claim, user: ANN }).isUnsettled).toBe(true);
    expect(own({ claim: { ...claim, claimedAt: NOW - MAX_RETRY_INTERVAL_MS }, user: ANN }).isUnsettled).toBe(
      false,
    );
    expect(own({ claim, user: { ...ANN, crm: { contactId: CONTACT + 1 } } }).isUnsettled).toBe(false);
  });

  it('while it is being retired', () => {
    const claim = { userId: 'ann', retiringUntil: NOW + 1000 };
    expect(own({ claim, user: undefined }).isUnsettled).toBe(true);
  });
});

describe('of a contact that its user no longer has', () => {
  const HOUR_AGO = NOW - MAX_RETRY_INTERVAL_MS;
  const erased = (done: 'mark' | 'anonymise' | 'delete', doneAt = HOUR_AGO) =>
    own({
      claim: { userId: 'ann' },
      user: undefined,
      erasure: { userId: 'ann', contactId: CONTACT, done, doneAt: new Date(doneAt).toISOString() },
    });

  it('managed tags, and managed fields without a value, are the sync’s', () => {
    expect(erased('mark').tag(2, false)).toBe(true);
    expect(erased('mark').tag(99, false)).toBe(false);
    expect(erased('mark').field('custom_fields.17', undefined)).toBe(true);
    expect(erased('mark').field('given_name', 'Bob')).toBe(false);
  });

  it('managed fields are the sync’s before and shortly after the clean-up of a deleted user', () => {
    const waiting = own({ claim: { userId: 'ann' }, user: undefined });
    for (const { field } of [erased('mark', HOUR_AGO + 1), waiting]) {
      expect(field('given_name', 'Bob')).toBe(true);
      expect(field('custom_fields.99', 'Bob')).toBe(false);
    }
    const left = own({ claim: { userId: 'ann' }, user: { ...ANN, crm: { contactId: CONTACT + 1 } } });
    expect(left.field('given_name', 'Bob')).toBe(false);
  });

  it('a deletion or everything else is the sync’s only if the record says so', () => {
    expect(erased('delete').deleted).toBe(true);
    expect(erased('mark').deleted).toBe(false);
    expect(erased('anonymise').field('given_name', 'Anonymous')).toBe(true);
  });
});

it('nothing of a stranger is the sync’s', () => {
  const { created, deleted, isUnsettled, field, tag, status } = own({ claim: undefined, user: undefined });
  expect([created, deleted, isUnsettled]).toEqual([false, false, false]);
  expect([field('EMAIL1', 'x'), tag(2, true), status('EMAIL1', 'SINGLE_OPT_IN')]).toEqual([
    false,
    false,
    false,
  ]);
});

it('a contact that nobody has claimed and that shows a user id was created by the sync', () => {
  const { created, deleted, isUnsettled, field, tag, status } = own(
    { claim: undefined, user: undefined },
    { showsUser: true },
  );
  expect([created, deleted, isUnsettled]).toEqual([true, false, false]);
  expect([field('EMAIL1', 'x'), tag(2, true)]).toEqual([true, true]);
  expect([field('job_title', 'x'), tag(99, true), status('EMAIL1', 'MANUAL')]).toEqual([false, false, false]);
});

describe('a status of the first email', () => {
  const address = hashAddress('ann@example.com');
  it.each<[string, CrmState['consent'], boolean]>([
    ['SINGLE_OPT_IN', { step: 'given', address }, true],
    ['SINGLE_OPT_IN', { step: 'giving', address }, true],
    ['SINGLE_OPT_IN', { step: 'given', address: hashAddress('old@example.com') }, false],
    ['SINGLE_OPT_IN', { step: 'withdrawn', address }, false],
    ['SINGLE_OPT_IN', undefined, false],
    ['DOUBLE_OPT_IN', { step: 'given', address }, false],
    ['MANUAL', { step: 'withdrawn', address }, true],
    ['NON_MARKETABLE', { step: 'withdrawing', address }, true],
    ['MANUAL', { step: 'due', address }, false],
    ['MANUAL', { step: 'given', address }, false],
    ['LIST_UNSUBSCRIBE', { step: 'withdrawn', address }, false],
    ['HARD_BOUNCE', { step: 'withdrawn', address }, false],
  ])('%s after %j is the sync’s own: %j', (status, consent, isOwn) => {
    const { status: isOwnStatus } = withCrm(consent ? { consent } : {});
    expect(isOwnStatus('EMAIL1', status)).toBe(isOwn);
    expect(isOwnStatus('EMAIL2', status)).toBe(false);
  });

  it('is the sync’s own also if the app has changed the email since, which the contact does not show yet', () => {
    const consent = { step: 'withdrawn', address: hashAddress('old@example.com') } as const;
    expect(
      withCrm({ consent, emails: ['older@example.com', 'old@example.com'] }).status('EMAIL1', 'MANUAL'),
    ).toBe(true);
    expect(
      withCrm({ consent, emails: ['old@example.com', 'ann@example.com'] }).status('EMAIL1', 'MANUAL'),
    ).toBe(false);
  });
});
