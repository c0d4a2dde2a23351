import { RejectedError } from '../../sync/errors.ts';
import type { Requirements } from '../../user/requirements.ts';
import type { InfusionsoftClient } from '../client.ts';
import { ForbiddenError, NotFoundError } from '../http/failures.ts';
import {
  type Account,
  type AccountField,
  type AccountTag,
  CREATION_REFUSED,
  fieldMismatch,
} from './account.ts';
import { catalogKey } from './catalog.ts';

/**
 * Finds what a mapping requires in the account, checks types and options, and optionally creates what is missing. It works in parallel,
 * since the CRM may be slow and an invocation is short. Only one caller at a time may create, since two would create everything twice: see
 * `catalog-source.ts`.
 *
 * @param create whether missing tags, custom fields and lead sources are created. One that the account refuses to create has a problem.
 * @throws RejectedError or RetryableError, as the client does. The next call finds what was created before the error.
 */
export async function resolveRequirements(
  client: InfusionsoftClient,
  requirements: Requirements,
  { create }: { create: boolean },
): Promise<Account> {
  const [tags, customFields, leadSources, contactTypes, staff] = await allSettled([
    findTags(client, requirements, create),
    findFields(client, requirements, create),
    findLeadSources(client, requirements, create),
    findContactTypes(client, requirements),
    requirements.staff ? findStaff(client) : undefined,
  ]);
  return { tags, customFields, leadSources, contactTypes, ...(staff && { staff }) };
}

/**
 * Counts the contacts of each tag that has no count yet, with one request for each.
 *
 * @returns the tags with all counts that succeeded, and the first failure, if any.
 */
export async function countContacts(
  client: InfusionsoftClient,
  tags: readonly AccountTag[],
): Promise<{ tags: AccountTag[]; failure?: unknown }> {
  const failures: unknown[] = [];
  const counted = await Promise.all(
    tags.map(async (tag) => {
      if (tag.id === undefined || tag.contacts !== undefined) return tag;
      try {
        return { ...tag, contacts: await client.countTagged(tag.id) };
      } catch (failure) {
        failures.push(failure);
        return tag;
      }
    }),
  );
  return { tags: counted, ...(failures.length > 0 && { failure: failures[0] }) };
}

async function findTags(
  client: InfusionsoftClient,
  requirements: Requirements,
  create: boolean,
): Promise<AccountTag[]> {
  const known = byName(await client.listTags(), ({ name }) => name);
  const find = async ({ name, description }: Requirements['tags'][number]): Promise<AccountTag> => {
    const found = known.get(catalogKey(name));
    if (!found)
      return {
        name,
        description,
        ...(create && (await createUnlessRefused(() => client.createTag(name, description)))),
      };
    const category = found.category?.name;
    return { name, description, id: found.id, ...(category && { category }) };
  };
  return allSettled(requirements.tags.map(find));
}

async function findFields(
  client: InfusionsoftClient,
  requirements: Requirements,
  create: boolean,
): Promise<AccountField[]> {
  const known = byName(await client.listCustomFields(), ({ label }) => label);
  const find = async ({
    label,
    type,
    options,
  }: Requirements['customFields'][number]): Promise<AccountField> => {
    const found = known.get(catalogKey(label));
    if (found) {
      const actual = {
        type: found.field_type ?? undefined,
        options: (found.options ?? []).map((option) => option.label ?? ''),
      };
      const problem = fieldMismatch({ type, options }, actual);
      return {
        name: label,
        id: found.id,
        type: actual.type ?? type,
        options: actual.options,
        ...(problem && { problem }),
      };
    }
    return {
      name: label,
      type,
      options,
      ...(create && (await createUnlessRefused(() => client.createCustomField(label, type, options)))),
    };
  };
  return allSettled(requirements.customFields.map(find));
}

async function findLeadSources(
  client: InfusionsoftClient,
  { leadSources }: Requirements,
  create: boolean,
): Promise<Account['leadSources']> {
  if (leadSources.length === 0) return [];
  const known = byName(await client.listLeadSources(), ({ name }) => name);
  return allSettled(
    leadSources.map(async (name) => {
      const found = known.get(catalogKey(name));
      if (found) return { name, id: found.id };
      return { name, ...(create && (await createUnlessRefused(() => client.createLeadSource(name)))) };
    }),
  );
}

/**
 * Creates something that the account lacks. A refusal, such as at the maximum of an account, costs only what was refused: everything else
 * is used without it, and the next refresh of the catalog tries again.
 */
async function createUnlessRefused(
  create: () => Promise<{ id: number }>,
): Promise<{ id: number } | { problem: string }> {
  try {
    return { id: (await create()).id };
  } catch (error) {
    const refused =
      error instanceof RejectedError || error instanceof NotFoundError || error instanceof ForbiddenError;
    if (!refused) throw error;
    return { problem: CREATION_REFUSED };
  }
}

async function findContactTypes(
  client: InfusionsoftClient,
  { contactTypes }: Requirements,
): Promise<Account['contactTypes']> {
  if (contactTypes.length === 0) return [];
  const known = new Set((await client.listContactTypes()).map(catalogKey));
  return contactTypes.map((name) =>
    known.has(catalogKey(name))
      ? { name }
      : {
          name,
          problem:
            'is not a contact type of the account: add it in the settings of the CRM, or remove it from the mapping',
        },
  );
}

async function findStaff(client: InfusionsoftClient): Promise<Record<string, number>> {
  const staff = await client.listStaff();
  return Object.fromEntries(
    staff
      .filter(({ email_address }) => email_address)
      .map(({ id, email_address }) => [catalogKey(email_address ?? ''), id]),
  );
}

/** Items by name. Of several with the same name, the oldest is used, so that all environments choose the same. */
function byName<Item extends { id: number }>(
  items: readonly Item[],
  name: (item: Item) => string,
): Map<string, Item> {
  const newestFirst = [...items].sort((a, b) => b.id - a.id);
  return new Map(newestFirst.map((item) => [catalogKey(name(item)), item]));
}

/**
 * Waits until all have ended, even if one fails: otherwise the rest would run on, and could create what the next environment also creates.
 *
 * @throws the first failure.
 */
async function allSettled<Works extends readonly unknown[]>(works: [...Works]) {
  await Promise.allSettled(works);
  return Promise.all(works);
}
