import { defineResource } from './define-resource.ts';
import { list, object, text } from './properties.ts';

/** The profile of the account. */
export const accountProfile = defineResource({
  name: 'account-profile',
  properties: () => ({
    address: object({
      country_code: text,
      field: text,
      line1: text,
      line2: text,
      locality: text,
      postal_code: text,
      region: text,
      zip_code: text,
      zip_four: text,
    }),
    business_goals: list(text),
    business_primary_color: text,
    business_secondary_color: text,
    business_type: text,
    currency_code: text,
    email: text,
    language_tag: text,
    logo_url: text,
    name: text,
    phone: text,
    phone_ext: text,
    time_zone: text,
    website: text,
  }),
  columns: ['name', 'email', 'phone', 'website', 'time_zone'],
  get: { path: 'account/profile' },
  writes: { replace: 'PUT account/profile' },
});
