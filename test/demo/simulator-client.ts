import ky from 'ky';
import type { CrmSecret } from '../../shared/infusionsoft/auth/crm-secret.ts';
import { type Mapping, managedTags } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import type { StoredAddress } from '../simulator/account/email-addresses.ts';
import type { Ownership } from '../simulator/account/foreign-writes.ts';
import type {
  ContactEdit,
  DirectoryReport,
  PreloadedContact,
  ReadableContact,
} from '../simulator/admin-routes.ts';
import { DEFAULT_CLIENT, type IssuedPair } from '../simulator/oauth.ts';
import type { Statistics } from '../simulator/traffic/statistics.ts';
import { pathsOf } from './shown-path.ts';

/** What the sync may write in the CRM with a mapping. */
function ownedBy(mapping: Mapping): Ownership {
  return {
    fields: Object.keys(mapping.contact).flatMap(pathsOf),
    customFields: Object.keys(mapping.customFields),
    tags: managedTags(mapping),
    leadSources: [...(mapping.contact.lead_source?.names ?? [])],
  };
}

/** Client of the simulator's control API. */
export function simulatorClient(url: string, fetch: typeof globalThis.fetch = globalThis.fetch) {
  const http = ky.create({ prefix: `${url}/_simulator`, fetch });
  const addRecords = (name: string, json: readonly Record<string, unknown>[]) =>
    http.post(`records/${name}`, { json }).json<{ id: number }[]>();
  return {
    stats: () => http.get('stats').json<Statistics>(),
    /** Readable contacts: all, or those with an email. */
    contacts: (email?: string) =>
      http.get('contacts', { searchParams: email ? { email } : {} }).json<ReadableContact[]>(),
    /** Email addresses with their status and its changes. */
    addresses: () => http.get('addresses').json<StoredAddress[]>(),
    /** Opts an address out in the CRM. */
    optOut: async (email: string, by: 'staff' | 'person') => {
      await http.post('addresses', {
        json: { email, by, status: by === 'staff' ? 'Manual' : 'ListUnsubscribe' },
      });
    },
    /** Resets the statistics. Keeps the contacts. */
    countAnew: async () => {
      await http.post('reset', { json: { data: false } });
    },
    /** Arrivals of admitted requests, in epoch milliseconds. */
    times: () => http.get('times').json<number[]>(),
    /** OAuth tokens as issued after a person's authorization. */
    authorized: async (): Promise<CrmSecret> => {
      const { access_token, refresh_token, expires_in } = await http.post('oauth/pair').json<IssuedPair>();
      const { clientId, clientSecret } = DEFAULT_CLIENT;
      const now = Date.now();
      return {
        kind: 'oauth',
        clientId,
        clientSecret,
        accessToken: access_token,
        refreshToken: refresh_token,
        issuedAt: new Date(now).toISOString(),
        expiresAt: new Date(now + expires_in * 1000).toISOString(),
      };
    },
    /** Configures the simulator, see `admin-routes.ts`. */
    set: async (
      what:
        | 'addresses'
        | 'answers'
        | 'bulk-refusals'
        | 'consent'
        | 'directory'
        | 'failing'
        | 'faults'
        | 'forbidden'
        | 'hidden'
        | 'limits'
        | 'oauth'
        | 'reset'
        | 'search'
        | 'strictness',
      json: Record<string, unknown>,
    ) => {
      await http.post(what, { json });
    },
    /** From now on, the account refuses values that contain one of these texts. */
    refuseValues: async (...texts: string[]) => {
      await http.post('refused-values', { json: texts });
    },
    /** Changes a contact, like a person. */
    edit: async (id: number, json: ContactEdit) => {
      await http.post(`contacts/${id}`, { json });
    },
    /** Deletes a contact, like a person. */
    removeContact: async (id: number) => {
      await http.delete(`contacts/${id}`);
    },
    /** Deletes a tag, like a person. */
    removeTag: async (name: string) => {
      await http.delete(`tags/${encodeURIComponent(name)}`);
    },
    /** Merges a contact into another, like a person who keeps the values of one of them. @returns false if one of them is gone. */
    merge: async (from: number, into: number, values: 'into' | 'from' = 'into') => {
      const json = { from, into, values };
      return (await http.post('merge', { json, throwHttpErrors: (status) => status !== 404 })).ok;
    },
    addContacts: (json: readonly PreloadedContact[]) =>
      http.post('contacts', { json }).json<{ id: number }[]>(),
    /** These create, change and delete records other than contacts, like a person. */
    addRecords,
    addRecord: async (name: string, json: Record<string, unknown>) => {
      const [created] = await addRecords(name, [json]);
      if (!created) throw new Error(`The simulator has created no record of ${name}`);
      return created;
    },
    editRecord: async (name: string, id: number, json: Record<string, unknown>) => {
      await http.patch(`records/${name}/${id}`, { json });
    },
    removeRecord: async (name: string, id: number) => {
      await http.delete(`records/${name}/${id}`);
    },
    directory: () => http.get('directory').json<DirectoryReport>(),
    declareOwnership: async (mapping: Mapping = defaultMapping) => {
      await http.post('ownership', { json: ownedBy(mapping) });
    },
  };
}
