import { expect, it } from 'vitest';
import { endpoints, pathForLogs } from '../../../shared/infusionsoft/endpoints.ts';

it.each([
  [endpoints.emailAddress('ann+1/x@example.com'), '/crm/rest/v1/emailAddresses/{email}'],
  [endpoints.contact(7), '/crm/rest/v1/contacts/7'],
])('the path %s is logged without an email', (path, logged) => {
  expect(pathForLogs(`/${path}`)).toBe(logged);
});

it('an email is one part of its path', () => {
  expect(endpoints.emailAddress('ann+1/x@example.com')).toBe(
    'crm/rest/v1/emailAddresses/ann%2B1%2Fx%40example.com',
  );
});
