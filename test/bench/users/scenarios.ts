import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import type { Cost } from '../measure/cost.ts';

/** What happens to users, in words. */
export const SCENARIOS = {
  new: 'new to the CRM',
  known: 'in the CRM by email',
  signedUp: 'signs up; one in five edits the profile at once',
  swap: 'one tag changes',
  noOp: 'a write that the CRM shows nothing of',
  refresh: 'daily refresh, one in fifty has another tag',
} as const;
export type Scenario = keyof typeof SCENARIOS;

/** What each scenario cost. One that a system has no answer to is left out. */
export type Costs = Partial<Record<Scenario, Cost>>;

/** The same users for all systems. */
export interface Cast {
  fresh: readonly User[];
  known: readonly User[];
  signUps: readonly User[];
  /** Who are in the CRM when they change. */
  changing: readonly User[];
}

const DAY_MS = 86_400_000;
const SEED = 8;
/** One in so many has another tag in the refresh. */
const REFRESH_EVERY = 50;
/** One in so many edits the profile as soon as they have signed up. */
const EDITS_EVERY = 5;
/** How soon that is, in milliseconds. */
export const EDIT_AFTER_MS = 200;
/** Time between two users to whom something happens, in milliseconds. */
export const EVERY_MS = 200;

/** @param counts how many of each. */
export function cast(counts: Record<keyof Cast, number>): Cast {
  const of = (count: number, seed: number) => population(count, seed, Date.now()).users;
  return {
    fresh: of(counts.fresh, SEED),
    known: of(counts.known, SEED + 1),
    signUps: of(counts.signUps, SEED + 2),
    changing: of(counts.changing, SEED + 3),
  };
}

/** The contacts that the CRM has of users before the app tells of them: no more than an email. */
export const contactsOf = (users: readonly User[]) =>
  users.map(({ email = '' }) => ({ values: { 'email_addresses.EMAIL1': email } }));

type ActiveUser = User & { lastActiveAt: string };

/** The user with another tag: was active again today, or for the last time long ago. */
export function withAnotherTag(user: User): ActiveUser {
  const idle = Date.now() - Date.parse(user.lastActiveAt ?? '') > 30 * DAY_MS;
  return { ...user, lastActiveAt: new Date(Date.now() - (idle ? 0 : 40 * DAY_MS)).toISOString() };
}

/** The user after a write that no field and no tag shows: active a second earlier than was thought. */
export function withNoDifference(user: User): ActiveUser {
  return { ...user, lastActiveAt: new Date(Date.parse(user.lastActiveAt ?? '') - 1000).toISOString() };
}

/** The user as the daily refresh finds it. */
export const inRefresh = (user: User, index: number): User =>
  isChangedInRefresh(index) ? withAnotherTag(user) : user;

/** Whether the daily refresh finds another tag. */
export const isChangedInRefresh = (index: number): boolean => index % REFRESH_EVERY === 0;

/** The name that a user fills in after having signed up, or nothing. */
export function editAfterSignUp(index: number): { firstName: string } | undefined {
  return index % EDITS_EVERY === 0 ? { firstName: `Renamed ${index}` } : undefined;
}
