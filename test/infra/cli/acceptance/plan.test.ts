import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emailsOf,
  MAX_USERS,
  MIN_USERS,
  type PlannedChange,
  planOf,
  prefixOf,
  userIdsOf,
} from '../../../../infra/cli/acceptance/plan.ts';
import { desiredState } from '../../../../shared/sync/desired-state.ts';
import { diff, isEmpty } from '../../../../shared/sync/diff.ts';
import type { Mapping } from '../../../../shared/user/define-mapping.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import type { User } from '../../../../shared/user/user.ts';

const NOW = Date.parse('2027-03-01T12:00:00Z');
const names = fc.record({
  runId: fc.stringMatching(/^[0-9a-f]{12}$/),
  domain: fc.constantFrom('example.com', 'acceptance.example.org'),
  users: fc.integer({ min: MIN_USERS, max: MAX_USERS }),
});

describe('the plan of an acceptance run', () => {
  it('covers every kind of change, even with the fewest users', () => {
    const steps = planOf({ runId: 'r', domain: 'example.com', users: MIN_USERS }, mapping, NOW);
    expect(steps.map((step) => step.map(({ kind, user }) => `${user.userId} ${kind}`))).toEqual([
      [
        'acceptance-r-1 created',
        'acceptance-r-2 created',
        'acceptance-r-3 created',
        'acceptance-r-4 created',
      ],
      ['acceptance-r-1 fields', 'acceptance-r-2 tags', 'acceptance-r-3 fields'],
      ['acceptance-r-1 email'],
      ['acceptance-r-2 handover'],
      ['acceptance-r-4 deleted'],
    ]);
  });

  it('uses only users and emails of its own run', () => {
    fc.assert(
      fc.property(names, (name) => {
        const changes = planOf(name, mapping, NOW).flat();
        const [userIds, emails] = [new Set(userIdsOf(name)), new Set(emailsOf(name))];
        expect(userIds.size).toBe(name.users);
        expect(emails.size).toBe(name.users + 1);
        for (const { user } of changes) {
          expect(user.userId.startsWith(prefixOf(name.runId))).toBe(true);
          expect(userIds).toContain(user.userId);
          expect(emails).toContain(user.email);
          expect(desiredState(mapping, user, NOW)).toMatchObject({
            warnings: [],
            fields: { EMAIL1: user.email },
          });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('never gives an email to two users at a time, and makes only changes that show in the CRM', () => {
    fc.assert(
      fc.property(names, (name) => {
        const rows = new Map<string, User>();
        for (const step of planOf(name, mapping, NOW)) {
          for (const { kind, user } of step) {
            const before = rows.get(user.userId);
            expect(before === undefined).toBe(kind === 'created');
            if (before && kind !== 'deleted') expect(isEmpty(diff(mapping, before, user, NOW))).toBe(false);
            if (kind === 'deleted') rows.delete(user.userId);
            else rows.set(user.userId, user);
          }
          const emails = [...rows.values()].map(({ email }) => email);
          expect(new Set(emails).size).toBe(emails.length);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('hands the email of one user to another after the first has moved away', () => {
    const steps = planOf({ runId: 'r', domain: 'example.com', users: 10 }, mapping, NOW);
    const only = (kind: PlannedChange['kind']) => steps.flat().find((change) => change.kind === kind)?.user;
    const at = (kind: PlannedChange['kind']) => steps.findIndex(([change]) => change?.kind === kind);
    expect(only('handover')?.email).toBe(steps[0]?.[0]?.user.email);
    expect(only('email')?.userId).toBe(steps[0]?.[0]?.user.userId);
    expect(at('handover')).toBeGreaterThan(at('email'));
  });

  it('leaves out changes that the mapping ignores', () => {
    const onlyEmail: Mapping = {
      ...mapping,
      contact: { EMAIL1: (user) => user.email },
      customFields: {},
      tagGroups: [],
    };
    const kinds = planOf({ runId: 'r', domain: 'example.com', users: 8 }, onlyEmail, NOW).flat();
    expect(new Set(kinds.map(({ kind }) => kind))).toEqual(
      new Set(['created', 'email', 'handover', 'deleted']),
    );
  });
});
