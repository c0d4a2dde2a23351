import { describe, expect, it } from 'vitest';
import { findContacts, findContactsOfUser } from '../../../shared/contacts/find-contacts.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS, SEARCH_DELAY_MS } from '../../../shared/quota/retry-policy.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';

const FIELD = CATALOG.customFields['app user id'] ?? 0;
const AT = new Date(NOON).toISOString();
const contactOf = (id: number, userId: string): Contact => ({
  id,
  custom_fields: [{ id: FIELD, content: userId }],
});
const ids = (contacts: readonly Contact[]) => contacts.map(({ id }) => id);

/** @param single what single contacts show, where the list leaves it out. */
function dependenciesOf(updated: Contact[], single: Contact[] = [], now = NOON + SEARCH_DELAY_MS) {
  const reads: number[] = [];
  const asked: number[] = [];
  const client = {
    findContactsByEmail: async () => [contactOf(9, 'bob'), contactOf(4, 'ann')],
    async findContactsUpdatedSince(since: number) {
      asked.push(since);
      return updated;
    },
    async readContact(contactId: number) {
      reads.push(contactId);
      const found = single.find(({ id }) => id === contactId);
      if (!found) throw new NotFoundError('gone');
      return found;
    },
  };
  return { reads, asked, client, mapping, now: () => now };
}

describe('the contacts that were created for a user without an answer', () => {
  it('show the user id, and were updated since a minute before the create', async () => {
    const dependencies = dependenciesOf([contactOf(1, 'ann'), contactOf(2, 'bob'), contactOf(3, 'ann')]);
    expect(ids(await findContactsOfUser('ann', AT, CATALOG, dependencies))).toEqual([1, 3]);
    expect(dependencies).toMatchObject({ asked: [NOON - 60_000], reads: [] });
  });

  it('are read one by one, the newest fifty, where lists leave out custom fields', async () => {
    const all = Array.from({ length: 60 }, (_, index) => contactOf(index + 1, index === 20 ? 'ann' : 'bob'));
    const listed = all.map(({ id }) => ({ id }));
    const dependencies = dependenciesOf(listed, all);
    expect(ids(await findContactsOfUser('ann', AT, CATALOG, dependencies))).toEqual([21]);
    expect(dependencies.reads).toEqual(Array.from({ length: 50 }, (_, index) => 60 - index));
  });

  it('are not decided about while the CRM does not know one that it lists', async () => {
    const search = findContactsOfUser(
      'ann',
      AT,
      CATALOG,
      dependenciesOf([{ id: 1 }, { id: 2 }], [contactOf(2, 'ann')]),
    );
    await expect(search).rejects.toMatchObject({ afterMs: GONE_AFTER_MS });
  });

  it('may not be in the answer for a minute', async () => {
    const search = (updated: Contact[], now: number) =>
      findContactsOfUser('ann', AT, CATALOG, dependenciesOf(updated, [], now));
    await expect(search([], NOON + 20_000)).rejects.toMatchObject({ afterMs: SEARCH_DELAY_MS - 20_000 });
    expect(await search([], NOON + SEARCH_DELAY_MS)).toEqual([]);
    expect(ids(await search([contactOf(1, 'ann')], NOON))).toEqual([1]);
  });

  it('cannot be found without a field for the user id', async () => {
    const dependencies = dependenciesOf([contactOf(1, 'ann')]);
    const { userIdField: _, ...withoutField } = mapping;
    expect(await findContactsOfUser('ann', AT, CATALOG, { ...dependencies, mapping: withoutField })).toEqual(
      [],
    );
    expect(dependencies.asked).toEqual([]);
  });
});

describe('the contacts that may be those of a user', () => {
  it('are those with the email, oldest first', async () => {
    const dependencies = dependenciesOf([contactOf(1, 'ann')]);
    expect(ids(await findContacts('ann', 'a@b.c', undefined, CATALOG, dependencies))).toEqual([4, 9]);
    expect(dependencies.asked).toEqual([]);
  });

  it('are also those that were created without an answer, each once', async () => {
    const dependencies = dependenciesOf([contactOf(1, 'ann'), contactOf(4, 'ann')]);
    expect(ids(await findContacts('ann', 'a@b.c', AT, CATALOG, dependencies))).toEqual([4, 9, 1]);
  });
});
