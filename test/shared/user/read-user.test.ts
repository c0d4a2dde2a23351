import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidUserError, readUser } from '../../../shared/user/read-user.ts';

describe('reading a user', () => {
  it('requires only the user id', () => {
    expect(readUser({ userId: 'u1' })).toEqual({ user: { userId: 'u1' }, warnings: [] });
  });

  it('ignores unknown attributes', () => {
    expect(readUser({ userId: 'u1', theme: 'dark', avatar: new Set([1]) }).user).toEqual({ userId: 'u1' });
  });

  it('treats null and empty texts as missing, without a warning', () => {
    const { user, warnings } = readUser({
      userId: 'u1',
      email: '',
      phone: null,
      subscription: { status: null },
    });
    expect(user).toEqual({ userId: 'u1', subscription: {} });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['a number for a text', { email: 7 }, 'email'],
    ['an unknown subscription status', { subscription: { status: 'gold' } }, 'subscription.status'],
    ['week 13', { progress: { program: 'Strength', week: 13 } }, 'progress.week'],
    ['a week as a text', { progress: { week: '3' } }, 'progress.week'],
    ['a text for the progress', { progress: 'week 3' }, 'progress'],
    ['an invalid date', { lastActiveAt: 'yesterday' }, 'lastActiveAt'],
    ['a list for a map', { crm: [1, 2] }, 'crm'],
    ['an invalid tag id', { crm: { contactId: 5, tagIds: [1, 'x'] } }, 'crm.tagIds.1'],
  ])('leaves out %s, with a warning', (_, attributes, field) => {
    const { user, warnings } = readUser({ userId: 'u1', firstName: 'Ann', ...attributes });
    expect(user.firstName).toBe('Ann');
    expect(warnings.map((warning) => warning.field)).toEqual([field]);
  });

  it('leaves out one value that breaks several rules, and keeps the rest of its map', () => {
    const { user } = readUser({ userId: 'u1', crm: { contactId: -(2 ** 53), revision: 3 } });
    expect(user.crm).toEqual({ revision: 3 });
  });

  it('leaves out a map without its required attributes', () => {
    const lease = { environment: 'a', invocation: 'first', until: '2026-06-15T12:00:00Z' };
    const { user } = readUser({ userId: 'u1', crm: { contactId: 5, lease, rejection: {} } });
    expect(user.crm).toEqual({ contactId: 5 });
  });

  it('says in the warning what is wrong with a value', () => {
    expect(readUser({ userId: 'u1', email: 7 }).warnings).toEqual([
      { field: 'email', problem: 'Invalid input: expected string, received number' },
    ]);
  });

  it('never quotes a value in a warning', () => {
    const { warnings } = readUser({ userId: 'u1', email: ['secret@example.com'], lastActiveAt: 'secret' });
    expect(warnings).toHaveLength(2);
    expect(JSON.stringify(warnings)).not.toContain('secret');
  });

  it.each([[{}], [{ userId: '' }], [{ userId: 7 }], [{ userId: null }]])(
    'throws an InvalidUserError for %j',
    (item) => {
      expect(() => readUser(item)).toThrow(InvalidUserError);
    },
  );

  it('reads any item that has a user id', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            email: fc.anything(),
            subscription: fc.anything(),
            progress: fc.oneof(fc.anything(), fc.record({ week: fc.anything(), completedAt: fc.anything() })),
            crm: fc.oneof(
              fc.anything(),
              fc.record({
                contactId: fc.anything(),
                tagIds: fc.array(fc.anything()),
                lease: fc.oneof(fc.anything(), fc.record({ until: fc.anything() })),
                rejection: fc.oneof(fc.anything(), fc.record({ reason: fc.anything() })),
              }),
            ),
            lastActiveAt: fc.anything(),
          },
          { requiredKeys: [] },
        ),
        (attributes) => {
          expect(readUser({ userId: 'u1', ...attributes }).user.userId).toBe('u1');
        },
      ),
    );
  });
});
