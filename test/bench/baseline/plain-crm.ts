import * as z from 'zod';
import { type ContactBody, contactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { type Mapping, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { simulatorClient } from '../../demo/simulator-client.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';

/** What the CRM should show of a user, in the CRM's terms. */
interface Wanted {
  email: string;
  body: ContactBody;
  tagIds: readonly number[];
}

/** The CRM as a plain program calls it: each method is one request, and nothing is tried again. */
export interface PlainCrm {
  /** @returns the contact's id, or undefined where the search knows none. */
  search(email: string): Promise<number | undefined>;
  create(wanted: Wanted): Promise<number>;
  update(contactId: number, wanted: Wanted): Promise<void>;
  applyTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  removeTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  /** Works out what should be in the CRM: no request. */
  wanted(user: User): Wanted;
}

/** The CRM did not do what a request asked for. */
export class RefusedError extends Error {
  override name = 'RefusedError';
}

const found = z.object({ contacts: z.array(z.object({ id: z.int() })) });
const made = z.object({ id: z.int() });
const named = z.object({ tags: z.array(z.object({ id: z.int(), name: z.string() })) });
const model = z.object({ custom_fields: z.array(z.object({ id: z.int(), label: z.string() })) });

/**
 * Makes the tags and fields of a mapping in a simulator's account, and a client for them.
 *
 * @param paced waits until a request may start.
 */
export async function plainCrm(
  url: string,
  mapping: Mapping,
  paced: () => Promise<unknown> = async () => undefined,
): Promise<PlainCrm> {
  const fields = Object.keys(mapping.customFields).map((label) => [label, ''] as const);
  await simulatorClient(url).addContacts([
    { customFields: Object.fromEntries(fields), tags: managedTags(mapping) },
  ]);
  const request = async (method: string, path: string, json?: unknown): Promise<Response> => {
    await paced();
    const answer = await fetch(`${url}/crm/rest/v1/${path}`, {
      method,
      headers: { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    if (answer.ok) return answer;
    await answer.body?.cancel();
    throw new RefusedError(`${method} ${path.split('?')[0]}: ${answer.status}`);
  };
  const tagList = named.parse(await (await request('GET', 'tags?limit=1000')).json()).tags;
  const fieldList = model.parse(await (await request('GET', 'contacts/model')).json()).custom_fields;
  const tagIds = new Map(tagList.map(({ id, name }) => [name, id]));
  const fieldIds = new Map(fieldList.map(({ id, label }) => [label, id]));
  const known = (id: number | undefined): number => {
    if (id === undefined) throw new Error('The account lacks what the mapping names');
    return id;
  };
  const noSuch = () => known(undefined);
  const ids = {
    customField: (label: string) => known(fieldIds.get(label)),
    leadSource: noSuch,
    staff: noSuch,
    company: noSuch,
  };
  return {
    async search(email) {
      const answer = await request('GET', `contacts?email=${encodeURIComponent(email)}`);
      return found.parse(await answer.json()).contacts[0]?.id;
    },
    create: async ({ body }) => made.parse(await (await request('POST', 'contacts', body)).json()).id,
    async update(contactId, { body }) {
      await (await request('PATCH', `contacts/${contactId}`, body)).json();
    },
    async applyTags(contactId, ids) {
      await (await request('POST', `contacts/${contactId}/tags`, { tagIds: ids })).json();
    },
    async removeTags(contactId, ids) {
      await request('DELETE', `contacts/${contactId}/tags?ids=${ids.join(',')}`);
    },
    wanted(user) {
      const { fields, tags } = desiredState(mapping, user, Date.now());
      return {
        email: fields.EMAIL1 ?? '',
        body: contactBody({ write: fields, clear: [] }, ids),
        tagIds: tags.map((tag) => known(tagIds.get(tag))),
      };
    },
  };
}
