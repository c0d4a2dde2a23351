import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import type { Cost } from '../measure/cost.ts';

/** What happens to users. */
export const SCENARIOS = {
  new: 'new to the CRM',
  known: 'in the CRM by email',
  signUp: 'signs up; one in five edits the profile at once',
  tagChange: 'one tag changes',
  noChange: 'a write without an effect on the CRM',
  refresh: 'daily refresh; one in fifty has another tag',
} as const;
export type Scenario = keyof typeof SCENARIOS;

/** The cost of each scenario. */
export type Costs = Partial<Record<Scenario, Cost>>;

/** Users of the scenarios. Each system gets the same kinds of users. */
export interface ScenarioUsers {
  fresh: readonly User[];
  known: readonly User[];
  signUps: readonly User[];
  /** Users who are in the CRM before they change. */
  changing: readonly User[];
}

const DAY_MS = 86_400_000;
const SEED = 8;
/** In the refresh, one user in this many has another tag. */
const REFRESH_EVERY = 50;
/** One user in this many edits the profile right after the sign-up. */
const EDITS_EVERY = 5;
/** Time from a sign-up to that edit, in milliseconds. */
export const EDIT_AFTER_MS = 200;
/** Time between two events, in milliseconds. */
export const EVERY_MS = 200;

/** @param counts number of users of each kind. */
export function scenarioUsers(counts: Record<keyof ScenarioUsers, number>): ScenarioUsers {
  const of = (count: number, seed: number) => population(count, seed, Date.now()).users;
  return {
    fresh: of(counts.fresh, SEED),
    known: of(counts.known, SEED + 1),
    signUps: of(counts.signUps, SEED + 2),
    changing: of(counts.changing, SEED + 3),
  };
}

/** Contacts of users before the first sync: only an email. */
export const contactsOf = (users: readonly User[]) =>
  users.map(({ email = '' }) => ({ values: { 'email_addresses.EMAIL1': email } }));

type ActiveUser = User & { lastActiveAt: string };

/** The user with another activity tag: active again today, or last active 40 days ago. */
export function withAnotherTag(user: User): ActiveUser {
  const idle = Date.now() - Date.parse(user.lastActiveAt ?? '') > 30 * DAY_MS;
  return { ...user, lastActiveAt: new Date(Date.now() - (idle ? 0 : 40 * DAY_MS)).toISOString() };
}

/** The user after a write that changes no field and no tag: last active a second earlier. */
export function withoutVisibleChange(user: User): ActiveUser {
  return { ...user, lastActiveAt: new Date(Date.parse(user.lastActiveAt ?? '') - 1000).toISOString() };
}

/** The user as the daily refresh finds it. */
export const inRefresh = (user: User, index: number): User =>
  isChangedInRefresh(index) ? withAnotherTag(user) : user;

/** Whether the user has another tag in the daily refresh. */
export const isChangedInRefresh = (index: number): boolean => index % REFRESH_EVERY === 0;

/** The edit that follows a sign-up, if any. */
export function editAfterSignUp(index: number): { firstName: string } | undefined {
  return index % EDITS_EVERY === 0 ? { firstName: `Renamed ${index}` } : undefined;
}
