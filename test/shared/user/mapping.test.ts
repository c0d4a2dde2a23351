import { describe, expect, it } from 'vitest';
import { desiredState, hasNoEmailYet, isSyncable } from '../../../shared/sync/desired-state.ts';
import { managedTags } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { readUser } from '../../../shared/user/read-user.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const daysAgo = (days: number) => new Date(NOW - days * 24 * 60 * 60 * 1000).toISOString();

const desired = (attributes: Record<string, unknown>) =>
  desiredState(mapping, readUser({ userId: 'u1', ...attributes }).user, NOW);

describe('the contact of a user', () => {
  it('has every attribute in its field', () => {
    const { fields, consent, warnings } = desired({
      email: 'ann@example.com',
      firstName: 'Ann',
      lastName: 'Lee',
      phone: '+12125550123',
      appDownloadDate: '2026-01-31',
      timeZone: 'America/New_York',
      locale: 'en-US',
      marketingOptIn: true,
      subscription: { status: 'active' },
      progress: { program: 'Strength', week: 3, workoutsCompleted: 11 },
    });
    expect(fields).toEqual({
      EMAIL1: 'ann@example.com',
      given_name: 'Ann',
      family_name: 'Lee',
      PHONE1: '+12125550123',
      time_zone: 'America/New_York',
      preferred_locale: 'en_US',
      'custom_fields.App User Id': 'u1',
      'custom_fields.App Download Date': '2026-01-31',
      'custom_fields.Subscription Status': 'active',
      'custom_fields.Program': 'Strength',
      'custom_fields.Program Week': '3',
      'custom_fields.Workouts Completed': '11',
    });
    expect(consent).toBe(true);
    expect(warnings).toEqual([]);
  });

  it.each([[false], [undefined]])('has no consent of its own when marketingOptIn is %s', (marketingOptIn) => {
    expect(desired({ email: 'ann@example.com', marketingOptIn }).consent).toBe(marketingOptIn);
  });

  it('has no value that the CRM would refuse, and keeps the rest', () => {
    const { fields, warnings } = desired({ email: 'ann@example.com', phone: 'call me', firstName: 'Ann' });
    expect(fields).toMatchObject({ EMAIL1: 'ann@example.com', given_name: 'Ann' });
    expect(fields).not.toHaveProperty('PHONE1');
    expect(warnings).toEqual([{ field: 'PHONE1', problem: 'left out: not a possible phone number' }]);
  });

  it.each([
    [{}, 'none yet'],
    [{ email: '' }, 'none yet'],
    [{ email: ' \t\n' }, 'none yet'],
    [{ email: null }, 'none yet'],
    [{ phone: 'call me' }, 'none yet'],
    [{ email: 'nobody' }, 'unusable'],
    [{ email: 'ann@' }, 'unusable'],
    [{ email: `${'a'.repeat(75)}@example.com` }, 'unusable'],
    [{ email: 'ann@example.com' }, 'syncable'],
    [{ email: 'ann@example.com', phone: 'call me' }, 'syncable'],
    [{ email: 'ann@münchen.de' }, 'syncable'],
  ])('has an email of the user %j: %s', (attributes, expected) => {
    const state = desired(attributes);
    expect([isSyncable(state), hasNoEmailYet(state)]).toEqual([
      expected === 'syncable',
      expected === 'none yet',
    ]);
  });
});

describe('the tags of a user', () => {
  it.each([
    ['without attributes', {}, []],
    ['on trial', { subscription: { status: 'trial' } }, ['Subscription: Trial']],
    ['with a subscription', { subscription: { status: 'active' } }, ['Subscription: Active']],
    ['who cancelled', { subscription: { status: 'cancelled' } }, ['Subscription: Cancelled']],
    ['whose subscription ran out', { subscription: { status: 'expired' } }, ['Subscription: Expired']],
    ['in week 1', { progress: { program: 'Strength', week: 1 } }, ['Week 1']],
    ['in week 12', { progress: { program: 'Strength', week: 12 } }, ['Week 12']],
    ['with a week but no program', { progress: { week: 12 } }, []],
    [
      'who finished',
      { progress: { program: 'Strength', week: 12, completedAt: daysAgo(1) } },
      ['Program Completed'],
    ],
    ['active today', { lastActiveAt: daysAgo(0) }, ['Active']],
    ['whose clock is ahead', { lastActiveAt: daysAgo(-1) }, ['Active']],
    ['last seen just under 14 days ago', { lastActiveAt: daysAgo(13.99) }, ['Active']],
    ['last seen 14 days ago', { lastActiveAt: daysAgo(14) }, ['Inactive 14 days']],
    ['last seen just under 30 days ago', { lastActiveAt: daysAgo(29.99) }, ['Inactive 14 days']],
    ['last seen 30 days ago', { lastActiveAt: daysAgo(30) }, ['Inactive 30 days']],
  ])('%s', (_, attributes, tags) => {
    expect(desired(attributes).tags).toEqual(['App User', ...tags]);
  });

  it('have different names, ignoring case', () => {
    const names = managedTags(mapping).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });

  it('do not include the tag for deleted accounts', () => {
    expect(desired({ email: 'ann@example.com' }).tags).not.toContain(mapping.deletedTag.name);
  });
});
