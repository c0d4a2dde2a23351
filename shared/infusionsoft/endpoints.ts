import { companies } from './resources/companies.ts';
import { contacts } from './resources/contacts.ts';
import { countries } from './resources/countries.ts';
import { pathOf } from './resources/define-resource.ts';
import { emailAddresses } from './resources/email-addresses.ts';
import { leadSources } from './resources/lead-sources.ts';
import { settings } from './resources/settings.ts';
import { tags } from './resources/tags.ts';
import { userInfo } from './resources/user-info.ts';
import { users } from './resources/users.ts';

/** Lists of version 2, which show what version 1 does not: https://github.com/infusionsoft/keap-sdk. */
const changes = { name: 'changes', version: 2 } as const;

/** The paths that the sync calls, from the declarations in `resources/`. Writes use version 1, see docs/decisions/0007-v1-for-writes.md. */
export const endpoints = {
  contacts: pathOf(contacts, contacts.list.path),
  contactModel: pathOf(contacts, contacts.model),
  customFields: pathOf(contacts, contacts.writes.createCustomField),
  tags: pathOf(tags, tags.list.path),
  leadSources: pathOf(leadSources, leadSources.list.path),
  /** All contacts, with their tags, custom fields and the status of each address. */
  listedContacts: pathOf(changes, 'contacts'),
  /** Applied tags of all contacts. */
  appliedTags: pathOf(changes, 'contacts/-/tags'),
  emailAddresses: pathOf(changes, 'emailAddresses'),
  staff: pathOf(users, users.list.path),
  /** With the contact types. */
  settings: pathOf(settings, settings.get.path),
  companies: pathOf(companies, companies.list.path),
  userInfo: pathOf(userInfo, userInfo.get.path),
  emailAddress: (email: string) => pathOf(emailAddresses, emailAddresses.writes.replace, [email]),
  contact: (id: number) => pathOf(contacts, contacts.get.path, [id]),
  tagged: (id: number) => pathOf(tags, tags.nested.contacts.list.path, [id]),
  provinces: (country: string) => pathOf(countries, countries.nested.provinces.list.path, [country]),
  contactTags: (id: number) => pathOf(contacts, contacts.nested.tags.list.path, [id]),
};

/**
 * Whether a request is about certain contacts, their tags or their addresses, by version 1: a write, a read by id or a search by email.
 * Lists of many contacts are not.
 *
 * @param url the whole address, or its path without the query.
 */
export function isAboutContacts(method: string, url: string): boolean {
  const { pathname, searchParams } = new URL(url, 'http://crm.invalid');
  if (method === 'GET' && pathname === `/${endpoints.contacts}`) return searchParams.has('email');
  return ABOUT_CONTACTS.test(`${method} ${pathname}`);
}

const ABOUT_CONTACTS = new RegExp(
  [
    `^(PUT|POST) /${endpoints.contacts}$`,
    `^[A-Z]+ /${endpoints.contacts}/\\d+(/tags)?$`,
    `^(POST|DELETE) /${endpoints.tags}/\\d+/contacts$`,
    `^[A-Z]+ /${endpoints.emailAddress('')}.`,
  ].join('|'),
);

/**
 * Whether a request reads other records than contacts, tags and addresses, such as orders or staff. Some of these resources can fail while
 * the CRM works for contacts.
 *
 * @param url the whole address, or its path without the query.
 */
export const isReadOfRecords = (method: string, url: string): boolean =>
  method === 'GET' && RECORDS.test(new URL(url, 'http://crm.invalid').pathname);

const RECORDS = new RegExp(
  `^/(${pathOf(contacts, '')}|${pathOf(changes, '')})(?!contacts|tags|emailAddresses)`,
);

/** A path for logs. Paths of `emailAddresses` contain an email, which is left out. */
export const pathForLogs = (path: string): string => path.replace(/(\/emailAddresses\/).*$/, '$1{email}');
