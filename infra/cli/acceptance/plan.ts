import { diff, isEmpty } from '../../../shared/sync/diff.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';

/** Identifies a run's test data: the ids and emails of all its users follow from it. */
export interface RunName {
  /** Unique, so that no email or user id belongs to anyone else. */
  runId: string;
  /** Domain of the test emails. */
  domain: string;
  /** Number of test users. */
  users: number;
}

/** Kinds of changes, in order. */
export const CHANGE_KINDS = ['created', 'fields', 'tags', 'email', 'handover', 'deleted'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** One write to the user table. */
export interface PlannedChange {
  kind: ChangeKind;
  user: User;
}

/** Changes that are made together. The next step starts when all are verified in the CRM. */
export type Step = readonly PlannedChange[];

/** Fewer users cannot cover every kind of change. */
export const MIN_USERS = 4;
export const MAX_USERS = 200;

const HOUR_MS = 3_600_000;

export const prefixOf = (runId: string): string => `acceptance-${runId}-`;

export const userIdsOf = ({ runId, users }: RunName): string[] =>
  numbers(users).map((number) => prefixOf(runId) + number);

/** Every email that a user of the run can have. */
export const emailsOf = (name: RunName): string[] => [
  ...numbers(name.users).map((number) => emailOf(name, number)),
  movedEmailOf(name),
];

/**
 * The changes of a run, each with the user as it is afterwards:
 *
 * 1. all users are created,
 * 2. the users who are not deleted later get a new first name, another subscription status and program week, or no phone number,
 * 3. the first user gets a new email,
 * 4. the second user takes the email that is free now (an email in use is rejected),
 * 5. a quarter of the users is deleted.
 *
 * A change that the mapping ignores is left out: there would be nothing to wait for.
 * No user opts in to marketing, so the CRM may not send to the test emails.
 *
 * @param now epoch milliseconds.
 */
export function planOf(name: RunName, mapping: Mapping, now: number): Step[] {
  const created = numbers(name.users).map((number) => createdUser(name, number, now));
  const deleted = Math.max(1, Math.floor(name.users / 4));
  const staying = created.slice(0, name.users - deleted);
  const edits = staying.map(edited);
  const [giver, taker] = edits.map(({ user }) => user);
  if (!giver || !taker) throw new RangeError(`A run needs ${MIN_USERS} users`);
  const edit = (changes: PlannedChange[], before: readonly User[]): Step =>
    changes.filter(({ user }, index) => {
      const previous = before[index];
      return previous !== undefined && !isEmpty(diff(mapping, previous, user, now));
    });
  const steps: Step[] = [
    created.map((user) => ({ kind: 'created', user })),
    edit(edits, staying),
    edit([{ kind: 'email', user: { ...giver, email: movedEmailOf(name) } }], [giver]),
    edit([{ kind: 'handover', user: { ...taker, email: giver.email } }], [taker]),
    created.slice(staying.length).map((user) => ({ kind: 'deleted', user })),
  ];
  return steps.filter((step) => step.length > 0);
}

function edited(user: User, index: number): PlannedChange {
  if (index % 3 === 0) return { kind: 'fields', user: { ...user, firstName: 'Renamed' } };
  if (index % 3 === 1)
    return {
      kind: 'tags',
      user: {
        ...user,
        subscription: { status: 'active' },
        progress: { ...user.progress, week: 2, workoutsCompleted: 6 },
      },
    };
  const { phone: _, ...withoutPhone } = user;
  return { kind: 'fields', user: withoutPhone };
}

function createdUser(name: RunName, number: number, now: number): User {
  return {
    userId: prefixOf(name.runId) + number,
    email: emailOf(name, number),
    firstName: 'Acceptance',
    lastName: `Test ${number}`,
    // Reserved for fiction: 555-0100 to 555-0199 (North American Numbering Plan).
    phone: `+1202555${String(100 + (number % 100)).padStart(4, '0')}`,
    appDownloadDate: new Date(now).toISOString().slice(0, 10),
    timeZone: 'America/New_York',
    locale: 'en-US',
    marketingOptIn: false,
    subscription: { status: 'trial' },
    progress: { program: 'Strength', week: 1, workoutsCompleted: 3 },
    lastActiveAt: new Date(now - HOUR_MS).toISOString(),
  };
}

const emailOf = ({ runId, domain }: RunName, number: number): string =>
  `acceptance+${runId}-${number}@${domain}`;
const movedEmailOf = ({ runId, domain }: RunName): string => `acceptance+${runId}-moved@${domain}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
