import { defineResource } from './define-resource.ts';
import { number, text } from './properties.ts';

/** The owner of the credentials. Reading it is the cheapest way to see whether they work. */
export const userInfo = defineResource({
  name: 'user-info',
  properties: () => ({
    email: text,
    family_name: text,
    given_name: text,
    global_user_id: number,
    infusionsoft_id: text,
    middle_name: text,
    preferred_name: text,
    sub: text,
  }),
  columns: ['sub', 'email', 'given_name', 'family_name'],
  get: { path: 'oauth/connect/userinfo' },
});
