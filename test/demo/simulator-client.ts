import ky from 'ky';
import { managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { Ownership } from '../simulator/ownership.ts';
import type { Statistics } from '../simulator/statistics.ts';

/** What the sync may write in the CRM, by its mapping. */
const OWNED: Ownership = {
  fields: Object.keys(mapping.contact).map((key) =>
    key === 'EMAIL1' ? 'email_addresses.EMAIL1' : key === 'PHONE1' ? 'phone_numbers.PHONE1' : key,
  ),
  customFields: Object.keys(mapping.customFields),
  tags: managedTags(mapping),
};

/** The simulator's own side: what happened at the CRM's door. */
export function simulatorClient(url: string) {
  const http = ky.create({ prefix: `${url}/_simulator` });
  return {
    stats: () => http.get('stats').json<Statistics>(),
    /** Arrivals of admitted requests, in epoch milliseconds. */
    times: () => http.get('times').json<number[]>(),
    declareOwnership: async () => {
      await http.post('ownership', { json: OWNED });
    },
  };
}
