/**
 * The mapping: which fields and tags a user's contact has in the CRM. This is the file that a team edits; `docs/mapping.md` explains it.
 *
 * - `contact` sets standard fields, and `customFields` sets custom fields by their label. A function that returns `undefined` gives no
 *   value, and clears what an earlier sync wrote. Values are normalised afterwards: lengths, phone numbers, dates.
 * - A function reads attributes of the user. Declare a new attribute in `user.ts`.
 * - `marketingConsent` says whether the person wants marketing emails. `docs/consent.md` has what follows from it.
 * - A tag group assigns at most one of its tags to a user, and removes the others.
 * - The sync creates fields and tags that the CRM does not have. A field or tag that is removed from this file stays in the CRM as it is.
 *
 * After a change, run `npm run docs`: it writes the fields and tags to docs/catalog.md.
 */
import { describeTags, type Mapping, tagGroup } from './define-mapping.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A tag that every user has. */
const appUser = tagGroup({
  tags: { 'App User': 'Has an account in the app' },
  pick: () => 'App User',
});

/** A tag for each value of an attribute. */
const subscription = tagGroup({
  tags: {
    'Subscription: Trial': 'On a free trial',
    'Subscription: Active': 'Pays for a subscription',
    'Subscription: Cancelled': 'Cancelled, may still have access until the paid period ends',
    'Subscription: Expired': 'Had a subscription that ran out',
  },
  pick({ subscription }) {
    switch (subscription?.status) {
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

const WEEKS = [
  'Week 1',
  'Week 2',
  'Week 3',
  'Week 4',
  'Week 5',
  'Week 6',
  'Week 7',
  'Week 8',
  'Week 9',
  'Week 10',
  'Week 11',
  'Week 12',
] as const;

/** Tags from a list of names, and one more. */
const program = tagGroup({
  tags: {
    ...describeTags(WEEKS, (week) => `In ${week.toLowerCase()} of a program`),
    'Program Completed': 'Finished a program and has not begun another',
  },
  pick({ progress }) {
    if (progress?.completedAt) return 'Program Completed';
    return progress?.program && progress.week ? WEEKS[progress.week - 1] : undefined;
  },
});

/** Tags that depend on time (`now` in epoch milliseconds): the daily refresh updates them, see `isActive`. */
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
    EMAIL1: (user) => user.email,
    given_name: (user) => user.firstName,
    family_name: (user) => user.lastName,
    PHONE1: (user) => user.phone,
    time_zone: (user) => user.timeZone,
    preferred_locale: (user) => user.locale,
  },
  marketingConsent: {
    given: (user) => user.marketingOptIn,
    optInReason: 'Opted in to marketing in the app',
    withdrawalReason: 'Withdrew the consent to marketing in the app',
  },
  customFields: {
    'App User Id': { type: 'Text', value: (user) => user.userId },
    'App Download Date': { type: 'Date', value: (user) => user.appDownloadDate },
    'Subscription Status': { type: 'Text', value: (user) => user.subscription?.status },
    Program: { type: 'Text', value: (user) => user.progress?.program },
    'Program Week': { type: 'WholeNumber', value: (user) => user.progress?.week },
    'Workouts Completed': { type: 'WholeNumber', value: (user) => user.progress?.workoutsCompleted },
  },
  userIdField: 'App User Id',
  tagGroups: [appUser, subscription, program, activity],
  // The activity tags stop changing after 30 days; two more weeks leave room for refreshes that did not run.
  isActive: ({ lastActiveAt, subscription }, now) =>
    subscription?.status === 'trial' ||
    subscription?.status === 'active' ||
    (lastActiveAt !== undefined && now - Date.parse(lastActiveAt) < 45 * DAY_MS),
  deletedTag: { name: 'Account Deleted', description: 'Deleted the account in the app' },
};
