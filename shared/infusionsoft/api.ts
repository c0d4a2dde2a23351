/**
 * Paths and versions of the Infusionsoft (Keap) REST API: the only file that knows them. Version 1, because it has
 * create-or-update by PUT and several tags in one request.
 * Source: the vendor's v1 contract, https://developer.infusionsoft.com/docs/rest/
 */
const V1 = 'crm/rest/v1';
/** Lead sources are in version 2 alone: https://github.com/infusionsoft/keap-sdk (`LeadSourcesApi`). */
const V2 = 'crm/rest/v2';

/** A route with the ids left out, for counts and logs, and the path to call. */
export interface Endpoint {
  route: string;
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
  /** Who the credentials belong to: the cheapest proof that they work. */
  userInfo: fixed('oauth/connect/userinfo'),
  contact: (id: number): Endpoint => ({ route: '/contacts/{id}', path: `${V1}/contacts/${id}` }),
  tagged: (id: number): Endpoint => ({ route: '/tags/{id}/contacts', path: `${V1}/tags/${id}/contacts` }),
  contactTags: (id: number): Endpoint => ({
    route: '/contacts/{id}/tags',
    path: `${V1}/contacts/${id}/tags`,
  }),
};

/** Most items that a page of tags holds (v1). Fewer can come back. */
export const TAG_PAGE_SIZE = 1000;
