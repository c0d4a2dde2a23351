import { type Mapping, tagGroup } from '../../../shared/user/define-mapping.ts';
import { mapping as today } from '../../../shared/user/mapping.ts';

const region = tagGroup({
  tags: {
    'Region: Americas': 'Lives in a time zone of the Americas',
    'Region: Europe': 'Lives in a time zone of Europe',
    'Region: Asia and Pacific': 'Lives in a time zone further east',
  },
  pick({ timeZone }) {
    if (!timeZone) return undefined;
    if (timeZone.startsWith('America/')) return 'Region: Americas';
    return timeZone.startsWith('Europe/') ? 'Region: Europe' : 'Region: Asia and Pacific';
  },
});

/** Today's mapping with a fifth group, so that each user of the population holds five tags. */
export const mapping: Mapping = { ...today, tagGroups: [...today.tagGroups, region] };
