/** Why the setting `events.resources` cannot name a declared resource. Every resource is either here or can be polled. */
export const NOT_POLLED: Readonly<Record<string, string>> = {
  'account-profile': 'one item without a list',
  'affiliate-commissions': 'its items have no id',
  'affiliate-programs': 'settings of the account',
  'affiliate-redirect-links': 'settings of the account',
  'affiliate-summaries': 'sums, not items',
  'application-enabled': 'one item without a list',
  'contact-types': 'a list of texts without ids',
  contacts: 'always polled',
  countries: 'the same for all accounts',
  'email-addresses': 'always polled, as states of contacts',
  'hook-event-keys': 'the same for all accounts',
  hooks: 'addresses that programs registered',
  merchants: 'one item without a list',
  settings: 'one item without a list',
  tags: 'applied and removed tags are always polled; the sync creates tags itself',
  'user-info': 'one item without a list',
};
