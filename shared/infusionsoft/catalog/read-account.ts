import { allSettled } from '../../all-settled.ts';
import { RejectedError } from '../../sync/errors.ts';
import type { Requirements } from '../../user/requirements.ts';
import type { InfusionsoftClient } from '../client.ts';
import { ForbiddenError, NotFoundError } from '../http/failures.ts';
import { allPages } from '../pages.ts';
import type { Tag } from '../schemas.ts';
import type { Account, AccountField, AccountTag } from './account.ts';
import { catalogKey } from './catalog.ts';
import { mismatch } from './field-types.ts';

export interface ReadAccountOptions {
  /** Whether what is missing is created. */
  create: boolean;
}

/**
 * Reads what an account has of that which a mapping asks for, checks types and options, and creates what is missing if it is told to: side
 * by side, since the CRM may be slow and an invocation is short. Only one caller at a time may create, since two would create everything
 * twice: see `catalog-source.ts`.
 *
 * @throws RejectedError or RetryableError, as the client does. What was created by then is found by the next reading.
 */
export async function readAccount(
  client: InfusionsoftClient,
  needs: Requirements,
  { create }: ReadAccountOptions,
): Promise<Account> {
  const [tags, customFields, leadSources, contactTypes, staff] = await allSettled([
    readTags(client, needs, create),
    readFields(client, needs, create),
    readLeadSources(client, needs, create),
    readContactTypes(client, needs),
    needs.staff ? readStaff(client) : undefined,
  ]);
  return { tags, customFields, leadSources, contactTypes, ...(staff && { staff }) };
}

/**
 * Counts the contacts of each tag that has no count yet: one request for each.
 *
 * @returns the tags with the counts that came, and the first failure if not all did.
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

async function readTags(
  client: InfusionsoftClient,
  needs: Requirements,
  create: boolean,
): Promise<AccountTag[]> {
  const known = byName(await allPages((offset) => client.listTags(offset)), ({ name }) => name);
  const read = async ({ name, description }: Requirements['tags'][number]): Promise<AccountTag> => {
    const found: Tag | undefined =
      known.get(catalogKey(name)) ?? (create ? await client.createTag(name, description) : undefined);
    const category = found?.category?.name;
    return { name, description, ...(found && { id: found.id }), ...(category && { category }) };
  };
  return allSettled(needs.tags.map(read));
}

async function readFields(
  client: InfusionsoftClient,
  needs: Requirements,
  create: boolean,
): Promise<AccountField[]> {
  const known = byName(await client.listCustomFields(), ({ label }) => label);
  const read = async ({
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
      const problem = mismatch({ type, options }, actual);
      return {
        name: label,
        id: found.id,
        type: actual.type ?? type,
        options: actual.options,
        ...(problem && { problem }),
      };
    }
    const made = create ? await client.createCustomField(label, type, options) : undefined;
    return { name: label, type, options, ...(made && { id: made.id }) };
  };
  return allSettled(needs.customFields.map(read));
}

async function readLeadSources(
  client: InfusionsoftClient,
  { leadSources }: Requirements,
  create: boolean,
): Promise<Account['leadSources']> {
  if (leadSources.length === 0) return [];
  const known = byName(await client.listLeadSources(), ({ name }) => name);
  return allSettled(
    leadSources.map(async (name) => {
      const found = known.get(catalogKey(name));
      return found ? { name, id: found.id } : create ? createLeadSource(client, name) : { name };
    }),
  );
}

/** An account that does not let one be created has it created by hand. */
async function createLeadSource(
  client: InfusionsoftClient,
  name: string,
): Promise<Account['leadSources'][number]> {
  try {
    return { name, id: (await client.createLeadSource(name)).id };
  } catch (error) {
    const refused =
      error instanceof RejectedError || error instanceof NotFoundError || error instanceof ForbiddenError;
    if (!refused) throw error;
    return {
      name,
      problem: 'is missing, and the account does not let it be created: create it in the CRM by hand',
    };
  }
}

async function readContactTypes(
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
            'is no contact type of the account: add it in the settings of the CRM, or take it out of the mapping',
        },
  );
}

async function readStaff(client: InfusionsoftClient): Promise<Record<string, number>> {
  const staff = await allPages((offset) => client.listStaff(offset));
  return Object.fromEntries(
    staff
      .filter(({ email_address }) => email_address)
      .map(({ id, email_address }) => [catalogKey(email_address ?? ''), id]),
  );
}

/** Of several with one name the oldest counts, so that every reading chooses the same. */
function byName<Item extends { id: number }>(
  items: readonly Item[],
  name: (item: Item) => string,
): Map<string, Item> {
  const newestFirst = [...items].sort((a, b) => b.id - a.id);
  return new Map(newestFirst.map((item) => [catalogKey(name(item)), item]));
}
