import * as z from 'zod';
import { type ContactBody, contactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { type Mapping, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { simulatorClient } from '../../demo/simulator-client.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';

/** The contact and tags that a user should have. */
interface Target {
  email: string;
  body: ContactBody;
  tagIds: readonly number[];
}

/** A minimal client of the CRM: each method is one request, without retries. */
export interface PlainCrm {
  /** @returns the contact's id, or undefined if none is found. */
  search(email: string): Promise<number | undefined>;
  create(target: Target): Promise<number>;
  update(contactId: number, target: Target): Promise<void>;
  applyTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  removeTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  /** The contact and tags that a user should have. Makes no request. */
  target(user: User): Target;
}

/** The CRM answered with an error status. */
export class RequestError extends Error {
  override name = 'RequestError';
}

const contactList = z.object({ contacts: z.array(z.object({ id: z.int() })) });
const createdContact = z.object({ id: z.int() });
const tagList = z.object({ tags: z.array(z.object({ id: z.int(), name: z.string() })) });
const contactModel = z.object({ custom_fields: z.array(z.object({ id: z.int(), label: z.string() })) });

/** Creates the tags and custom fields of a mapping in a simulator's account, and a client for the account. */
export async function plainCrm(url: string, mapping: Mapping): Promise<PlainCrm> {
  const emptyFields = Object.keys(mapping.customFields).map((label) => [label, ''] as const);
  await simulatorClient(url).addContacts([
    { customFields: Object.fromEntries(emptyFields), tags: managedTags(mapping) },
  ]);
  const request = async (method: string, path: string, json?: unknown): Promise<Response> => {
    const answer = await fetch(`${url}/crm/rest/v1/${path}`, {
      method,
      headers: { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    if (answer.ok) return answer;
    await answer.body?.cancel();
    throw new RequestError(`${method} ${path.split('?')[0]}: ${answer.status}`);
  };
  const tags = tagList.parse(await (await request('GET', 'tags?limit=1000')).json()).tags;
  const fields = contactModel.parse(await (await request('GET', 'contacts/model')).json()).custom_fields;
  const tagIds = new Map(tags.map(({ id, name }) => [name, id]));
  const fieldIds = new Map(fields.map(({ id, label }) => [label, id]));
  const defined = (id: number | undefined): number => {
    if (id === undefined) throw new Error('The account has no such tag or field');
    return id;
  };
  const unsupported = () => defined(undefined);
  const ids = {
    customField: (label: string) => defined(fieldIds.get(label)),
    leadSource: unsupported,
    staff: unsupported,
    company: unsupported,
  };
  return {
    async search(email) {
      const answer = await request('GET', `contacts?email=${encodeURIComponent(email)}`);
      return contactList.parse(await answer.json()).contacts[0]?.id;
    },
    create: async ({ body }) =>
      createdContact.parse(await (await request('POST', 'contacts', body)).json()).id,
    async update(contactId, { body }) {
      await (await request('PATCH', `contacts/${contactId}`, body)).json();
    },
    async applyTags(contactId, ids) {
      await (await request('POST', `contacts/${contactId}/tags`, { tagIds: ids })).json();
    },
    async removeTags(contactId, ids) {
      await request('DELETE', `contacts/${contactId}/tags?ids=${ids.join(',')}`);
    },
    target(user) {
      const { fields, tags } = desiredState(mapping, user, Date.now());
      return {
        email: fields.EMAIL1 ?? '',
        body: contactBody({ write: fields, clear: [] }, ids),
        tagIds: tags.map((tag) => defined(tagIds.get(tag))),
      };
    },
  };
}
