import { choice, type Mapping } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';

const DAY_MS = 86_400_000;

/** The app's mapping, extended by everything else that a mapping can declare. */
export const richMapping: Mapping = {
  ...mapping,
  contact: {
    ...mapping.contact,
    contact_type: choice({
      names: ['Prospect', 'Customer'],
      pick: ({ subscription }) => (subscription?.status === 'active' ? 'Customer' : 'Prospect'),
    }),
    lead_source: choice({ names: ['Fitness App'], pick: () => 'Fitness App' }),
    owner: ({ locale }) => (locale === 'de-DE' ? 'heidi@example.com' : 'nobody@example.com'),
    company: ({ lastName }) => lastName && `${lastName} Ltd`,
    birthday: ({ appDownloadDate }) => appDownloadDate,
    EMAIL2: ({ userId }) =>
      userId.startsWith('acceptance-') ? undefined : `${userId.slice(0, 8)}.second@example.com`,
    PHONE2: ({ phone }) => phone,
    FAX1: ({ phone }) => phone,
    preferred_name: ({ firstName }) => firstName,
    prefix: () => 'Dr.',
    suffix: () => 'Jr.',
    spouse_name: ({ lastName }) => lastName && `Kim ${lastName}`,
    source_type: () => 'API',
    job_title: ({ progress }) => progress?.program,
    website: ({ firstName }) => firstName && `example.com/${encodeURIComponent(firstName)}`,
    LinkedIn: ({ userId }) => userId,
    BILLING: ({ timeZone }) =>
      timeZone?.startsWith('America')
        ? { line1: '1 Main St', locality: 'New York', region: 'NY', country_code: 'USA' }
        : undefined,
  },
  customFields: {
    ...mapping.customFields,
    'Plan Since': { type: 'DateTime', value: ({ appDownloadDate }) => appDownloadDate },
    'Paid So Far': { type: 'Currency', value: ({ progress }) => progress?.workoutsCompleted },
    'Opted In': { type: 'YesNo', value: ({ marketingOptIn }) => marketingOptIn },
    'Plan Name': {
      type: 'Dropdown',
      options: ['trial', 'active', 'cancelled', 'expired'],
      value: ({ subscription }) => subscription?.status,
    },
    Interests: {
      type: 'ListBox',
      options: ['Strength', 'Mobility', 'Running'],
      value: ({ progress }) => (progress?.program ? [progress.program, 'Running'] : undefined),
    },
    Coach: { type: 'User', value: ({ locale }) => (locale === 'de-DE' ? 'heidi@example.com' : undefined) },
  },
  isActive: (user, now) =>
    mapping.isActive(user, now) ||
    (user.lastActiveAt !== undefined && now - Date.parse(user.lastActiveAt) < 60 * DAY_MS),
};
