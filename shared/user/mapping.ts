/**
 * What the CRM shows of a user: the one file to edit when marketing wants another field or tag.
 *
 * - `contact` and `customFields` say where a value comes from; `undefined` means that there is none, and clears what an
 *   earlier sync wrote. Lengths, phone numbers and the like are put right afterwards (`normalise.ts`).
 * - `tagGroups` say which tag a user holds; a group never gives more than one.
 * - Fields and tags that are not in the CRM yet are created on the first sync. Taking one out of this file makes the sync
 *   forget it: it stays in the CRM as it is.
 */
import { type Mapping, tagGroup } from './define-mapping.ts';
import type { User } from './user.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const appUser = tagGroup({
  tags: { 'App User': 'Has an account in the app' },
  pick: () => 'App User',
});

const subscription = tagGroup({
  tags: {
    'Subscription: Trial': 'On a free trial',
    'Subscription: Active': 'Pays for a subscription',
    'Subscription: Cancelled': 'Cancelled, may still have access until the paid period ends',
    'Subscription: Expired': 'Had a subscription that ran out',
  },
  pick(user) {
    switch (user.subscription?.status) {
      case 'trial':
        return 'Subscription: Trial';
      case 'active':
        return 'Subscription: Active';
      case 'cancelled':
        return 'Subscription: Cancelled';
      case 'expired':
        return 'Subscription: Expired';
      case undefined:
        return undefined;
    }
  },
});

const WEEKS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] as const;
type WeekTag = `Week ${(typeof WEEKS)[number]}`;
const weekTag = (week: number) => `Week ${week}` as WeekTag;

const program = tagGroup({
  tags: {
    ...(Object.fromEntries(WEEKS.map((week) => [weekTag(week), `In week ${week} of a program`])) as Record<
      WeekTag,
      string
    >),
    'Program Completed': 'Finished a program and has not begun another',
  },
  pick({ progress }) {
    if (progress?.completedAt) return 'Program Completed';
    return progress?.program && progress.week ? weekTag(progress.week) : undefined;
  },
});

const activity = tagGroup({
  tags: {
    Active: 'Used the app within the last 14 days',
    'Inactive 14 days': 'Has not used the app for 14 to 29 days',
    'Inactive 30 days': 'Has not used the app for 30 days or more',
  },
  pick({ lastActiveAt }, now) {
    if (!lastActiveAt) return undefined;
    const idleDays = (now - Date.parse(lastActiveAt)) / DAY_MS;
    if (idleDays >= 30) return 'Inactive 30 days';
    return idleDays >= 14 ? 'Inactive 14 days' : 'Active';
  },
});

export const mapping: Mapping = {
  contact: {
    EMAIL1: (user: User) => user.email,
    given_name: (user) => user.firstName,
    family_name: (user) => user.lastName,
    PHONE1: (user) => user.phone,
    time_zone: (user) => user.timeZone,
    preferred_locale: (user) => user.locale,
    opt_in_reason: (user) => (user.marketingOptIn ? 'Opted in to marketing in the app' : undefined),
  },
  customFields: {
    'App User Id': { type: 'Text', value: (user) => user.userId },
    'App Download Date': { type: 'Date', value: (user) => user.appDownloadDate },
    'Subscription Status': { type: 'Text', value: (user) => user.subscription?.status },
    Program: { type: 'Text', value: (user) => user.progress?.program },
    'Program Week': { type: 'WholeNumber', value: (user) => user.progress?.week },
    'Workouts Completed': { type: 'WholeNumber', value: (user) => user.progress?.workoutsCompleted },
  },
  // Past 30 days of inactivity no tag changes by itself any more; two weeks of slack for a refresh that did not run.
  isActive: ({ lastActiveAt, subscription }, now) =>
    subscription?.status === 'trial' ||
    subscription?.status === 'active' ||
    (lastActiveAt !== undefined && now - Date.parse(lastActiveAt) < 45 * DAY_MS),
  tagGroups: [appUser, subscription, program, activity],
  deletedTag: { name: 'Account Deleted', description: 'Deleted the account in the app' },
};
