/**
 * Paths and versions of the Infusionsoft (Keap) REST API: no other file knows them. Writes use version 1, see
 * docs/decisions/0007-v1-for-writes.md.
 * Source: the vendor's v1 contract, https://developer.infusionsoft.com/docs/rest/
 */
const V1 = 'crm/rest/v1';
/** Only version 2 has lead sources: https://github.com/infusionsoft/keap-sdk (`LeadSourcesApi`). */
const V2 = 'crm/rest/v2';

export interface Endpoint {
  /** The path with placeholders for ids: for counts and logs. */
  route: string;
  /** The path to call. */
  path: string;
}

const fixed = (path: string): Endpoint => ({ route: `/${path}`, path: `${V1}/${path}` });

export const endpoints = {
  contacts: fixed('contacts'),
  contactModel: fixed('contacts/model'),
  customFields: fixed('contacts/model/customFields'),
  tags: fixed('tags'),
  leadSources: { route: '/v2/leadSources', path: `${V2}/leadSources` } satisfies Endpoint,
  staff: fixed('users'),
  contactTypes: fixed('setting/contact/optionTypes'),
  companies: fixed('companies'),
  /** The owner of the credentials: the cheapest request that shows whether they work. */
  userInfo: fixed('oauth/connect/userinfo'),
  contact: (id: number): Endpoint => ({ route: '/contacts/{id}', path: `${V1}/contacts/${id}` }),
  tagged: (id: number): Endpoint => ({ route: '/tags/{id}/contacts', path: `${V1}/tags/${id}/contacts` }),
  contactTags: (id: number): Endpoint => ({
    route: '/contacts/{id}/tags',
    path: `${V1}/contacts/${id}/tags`,
  }),
};

/** Largest page of tags, staff or lead sources (v1). A page can be shorter. */
export const MAX_PAGE_SIZE = 1000;
