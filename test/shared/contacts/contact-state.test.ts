import { describe, expect, it } from 'vitest';
import {
  hasConsent,
  isInSync,
  omit,
  startingState,
  tagsAfterWrite,
  withFormer,
  withNewestEmail,
  withoutContact,
  withTagsLater,
} from '../../../shared/contacts/contact-state.ts';
import { emailHash, type Target } from '../../../shared/contacts/resolve.ts';
import { hashAddress } from '../../../shared/sync/consent.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { managedTags } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';

const AT = new Date(NOON).toISOString();
const EARLIER = '2026-06-15T11:00:00.000Z';
const MANAGED = managedTags(mapping).map((_, index) => index + 1);

describe('whether a user is in sync', () => {
  const user = synced(fresh(1));
  const crm = user.crm ?? {};
  const desired = desiredState(mapping, user, NOON);
  const EMAIL = user.email ?? '';
  const [first = 0, ...others] = crm.tagIds ?? [];

  it.each<[string, CrmState, boolean]>([
    ['all is right', crm, true],
    ['the order of the tags does not count', { ...crm, tagIds: [...others, first] }, true],
    ['no tag is uncertain', { ...crm, uncertainTagIds: [] }, true],
    ['no contact', omit(crm, 'contactId'), false],
    ['tags are left to a tag job', omit(crm, 'tagIds'), false],
    ['a tag is missing', { ...crm, tagIds: others }, false],
    ['a tag is another', { ...crm, tagIds: [99, ...others] }, false],
    ['a tag is too many', { ...crm, tagIds: [99, first, ...others] }, false],
    ['a tag is uncertain', { ...crm, uncertainTagIds: [1] }, false],
    ['a value differs', { ...crm, fingerprint: { ...crm.fingerprint, EMAIL1: 'other' } }, false],
    ['no value is known', omit(crm, 'fingerprint'), false],
    ['nothing is certain', { ...crm, untrusted: true }, false],
    ['another user is waited for', { ...crm, conflict: { otherUserId: 'b', states: 'x', since: AT } }, false],
    ['the contact is missed', { ...crm, missingSince: { 7: AT } }, false],
    ['a contact has to be left', { ...crm, formerContactIds: [5] }, false],
  ])('%s', (_, state, expected) => {
    expect(isInSync(state, desired, CATALOG, mapping)).toBe(expected);
  });

  it.each<[string, boolean | undefined, CrmState['consent'], boolean]>([
    ['given, and carried out for this email', true, { step: 'given', address: hashAddress(EMAIL) }, true],
    ['given, and carried out for another email', true, { step: 'given', address: 'other' }, false],
    ['given, and not carried out', true, undefined, false],
    ['withdrawn, and not carried out', false, { step: 'due', address: hashAddress(EMAIL) }, false],
    ['unknown', undefined, undefined, true],
  ])('the consent is %s', (_, consent, record, expected) => {
    const state = record ? { ...crm, consent: record } : omit(crm, 'consent');
    expect(isInSync(state, { ...desired, consent }, CATALOG, mapping)).toBe(expected);
  });

  it('no consent is left to carry out if the app gives none, also without a usable email', () => {
    expect(hasConsent({}, { ...desired, fields: {}, consent: undefined })).toBe(true);
    expect(hasConsent({}, { ...desired, fields: {}, consent: true })).toBe(false);
  });
});

describe('the state before a contact is written', () => {
  const update = (contactId: number): Target => ({
    kind: 'update',
    contactId,
    isClaimed: true,
    isForeign: false,
  });
  const attempt = { at: EARLIER, email: 'x' };
  const stored: CrmState = {
    contactId: 7,
    tagIds: [1],
    uncertainTagIds: [2],
    untrusted: true,
    attempt,
    fingerprint: { EMAIL1: 'a' },
    revision: 3,
  };
  const start = (crm: CrmState, target: Target) => startingState(crm, target, 'a@b.c', NOON);

  it('stays as it is for the stored contact', () => {
    expect(start(stored, update(7))).toEqual(stored);
  });

  it('is empty for another contact, and the stored one is to be left', () => {
    expect(start({ ...stored, formerContactIds: [8, 5] }, update(8))).toEqual({
      contactId: 8,
      formerContactIds: [5, 7],
      fingerprint: {},
      revision: 3,
    });
  });

  it('names each contact to be left once', () => {
    expect(start({ ...stored, formerContactIds: [7] }, update(8)).formerContactIds).toEqual([7]);
  });

  it('knows of a contact that is found for a user without one which fields may have been written', () => {
    expect(start({ attempt, fingerprint: { EMAIL1: 'a' } }, update(8))).toEqual({
      contactId: 8,
      fingerprint: { EMAIL1: '?' },
    });
  });

  it('has the attempt of a new contact, and the stored one is to be left', () => {
    expect(start({ ...stored, attempt: undefined }, { kind: 'upsert' })).toEqual({
      formerContactIds: [7],
      fingerprint: { EMAIL1: '?' },
      attempt: { at: AT, email: emailHash('a@b.c') },
      revision: 3,
    });
  });

  it('keeps the time of the first attempt, and notes a contact beside that of another user', () => {
    expect(start({ attempt }, { kind: 'create' })).toEqual({
      fingerprint: {},
      attempt: { at: EARLIER, email: emailHash('a@b.c') },
      separated: true,
    });
  });
});

describe('a state', () => {
  it('without its contact keeps the names of the fields that may have been written', () => {
    const crm = { contactId: 7, tagIds: [1], uncertainTagIds: [2], missingSince: { 7: AT }, untrusted: true };
    expect(withoutContact({ ...crm, fingerprint: { EMAIL1: 'a' }, separated: true })).toEqual({
      fingerprint: { EMAIL1: '?' },
      missingSince: { 7: AT },
      separated: true,
    });
    expect(withoutContact({})).toEqual({ fingerprint: {} });
  });

  it('lists each contact that has to be left once', () => {
    expect(withFormer({ formerContactIds: [5] }, [5, 6])).toEqual({ formerContactIds: [5, 6] });
    expect(withFormer({ contactId: 7 }, [])).toEqual({ contactId: 7 });
  });

  it('forgets all emails but the newest, unless a contact that has to be left may have them', () => {
    const emails = ['a@example.com', 'b@example.com', 'c@example.com'];
    expect(withNewestEmail({ emails })).toEqual({ emails: ['c@example.com'] });
    const leaving = { emails, formerContactIds: [5] };
    expect(withNewestEmail(leaving)).toEqual(leaving);
    expect(withNewestEmail({ contactId: 7 })).toEqual({ contactId: 7 });
  });

  it.each<
    [
      string,
      readonly number[] | undefined,
      { isUncertain: boolean; isNewToUser: boolean },
      number[] | undefined,
    ]
  >([
    [
      'are the managed ones of the answer, if it lists them',
      [1, 999],
      { isUncertain: true, isNewToUser: true },
      [1],
    ],
    ['are none, if the answer lists none', [], { isUncertain: true, isNewToUser: true }, undefined],
    ['stay uncertain where they were', [], { isUncertain: false, isNewToUser: true }, [2]],
    ['are also those that only the answer shows', [1, 3], { isUncertain: false, isNewToUser: true }, [2, 1]],
    [
      'may be any of a new contact, if no answer lists them',
      undefined,
      { isUncertain: false, isNewToUser: true },
      MANAGED,
    ],
    ['stay as they are, if no answer lists them', undefined, { isUncertain: true, isNewToUser: false }, [2]],
  ])('after a write: tags %s', (_, observed, options, expected) => {
    const crm = { tagIds: [3], uncertainTagIds: [2] };
    expect(tagsAfterWrite(crm, observed, options, CATALOG).uncertainTagIds).toEqual(expected);
  });

  it('after a write of a contact without known tags: the managed tags of the answer are uncertain', () => {
    const options = { isUncertain: false, isNewToUser: true };
    expect(tagsAfterWrite({}, [1, 999], options, CATALOG)).toEqual({ uncertainTagIds: [1] });
  });

  it('for a tag job has the managed tags that the contact may have', () => {
    const crm = { contactId: 7, tagIds: [1], uncertainTagIds: [2] };
    expect(withTagsLater(crm, [3, 1, 999], CATALOG)).toEqual({ contactId: 7, uncertainTagIds: [1, 2, 3] });
    expect(withTagsLater({ contactId: 7 }, undefined, CATALOG)).toEqual({ contactId: 7 });
  });
});
