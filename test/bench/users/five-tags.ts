import { type Mapping, tagGroup } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';

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

const { marketingConsent: _, ...withoutConsent } = defaultMapping;

/**
 * The default mapping with a fifth tag group, so that each user has five tags. It has no consent, which would cost another request for each
 * user who gives it (docs/consent.md).
 */
export const mapping: Mapping = { ...withoutConsent, tagGroups: [...defaultMapping.tagGroups, region] };
