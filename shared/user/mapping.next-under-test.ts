import { type Mapping, tagGroup } from './define-mapping.ts';
import { mapping as today } from './mapping.ts';
const [appUser, , program, activity] = today.tagGroups;
const paying = tagGroup({
  tags: { Paying: 'Pays for a subscription', 'Not Paying': 'Does not pay' },
  pick: ({ subscription }) => (subscription?.status === 'active' ? 'Paying' : 'Not Paying'),
});
export const mapping: Mapping = {
  ...today,
  customFields: {
    ...today.customFields,
    'Home Zone': {
      type: 'Dropdown',
      options: ['America/New_York', 'Europe/Berlin', 'Asia/Tokyo', 'Australia/Sydney'],
      value: ({ timeZone }) => timeZone,
    },
  },
  tagGroups: [appUser, paying, program, activity].filter((group) => group !== undefined),
};
