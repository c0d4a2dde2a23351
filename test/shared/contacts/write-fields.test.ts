import { describe, expect, it } from 'vitest';
import type { ContactHolder } from '../../../shared/contacts/claims.ts';
import { ConflictError } from '../../../shared/contacts/conflict.ts';
import type { Target } from '../../../shared/contacts/resolve.ts';
import { type FieldWrite, writeFields } from '../../../shared/contacts/write-fields.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { RefusedFieldsError } from '../../../shared/sync/errors.ts';
import { fingerprintOf } from '../../../shared/sync/plan.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';

const catalogWith = (put: 'merge' | 'replace') => ({
  ...CATALOG,
  arrays: { modes: { put, patch: 'merge' } as const, learnedAt: new Date(NOON).toISOString() },
});
const FIELD = CATALOG.customFields['app user id'] ?? 0;
const DELETED_TAG = CATALOG.tags[defaultMapping.deletedTag.name.toLowerCase()] ?? 0;
const EMAIL = 'ann@example.com';
const FIELDS = {
  EMAIL1: EMAIL,
  given_name: 'Ann',
  family_name: 'Lee',
  PHONE1: '+12125550123',
  'custom_fields.App User Id': 'ann',
} as const;
type Field = keyof typeof FIELDS;

const shows = (more: Partial<Contact> = {}): Contact => ({
  id: 5,
  email_addresses: [{ field: 'EMAIL1', email: EMAIL }],
  phone_numbers: [{ field: 'PHONE1', number: '(212) 555-0123' }],
  given_name: 'Ann',
  family_name: 'Lee',
  tag_ids: [1, 2],
  ...more,
});
const UPDATE: Target = { kind: 'update', contactId: 5, isClaimed: true, isForeign: false };

interface Options {
  target?: Target;
  fields?: FieldWrite['desired']['fields'];
  /** Fields whose values in the contact are older. */
  changed?: Field[];
  /** What the CRM answers to each write. */
  answer?: Contact;
  /** What a contact that is read shows. */
  read?: Contact;
  holder?: ContactHolder;
  /** Fields that the CRM refuses. */
  refused?: string[];
  /** The answer does not name the refused field. */
  isUnnamed?: boolean;
  known?: Field[];
  /** What the CRM answers to the second write. */
  secondAnswer?: Contact;
  mapping?: Mapping;
  /** A create without an answer. */
  attempt?: CrmState['attempt'];
  /** What a create-or-update does to array items that it does not list. */
  put?: 'merge' | 'replace';
}

async function write({
  target = UPDATE,
  fields = FIELDS,
  changed = [],
  answer = shows(),
  read = shows(),
  holder = { kind: 'new' },
  refused = [],
  isUnnamed = false,
  known = [],
  secondAnswer = answer,
  mapping = defaultMapping,
  attempt,
  put = 'merge',
}: Options = {}) {
  const catalog = catalogWith(put);
  const requests: [string, unknown?][] = [];
  const send = (kind: string) => async (body: object) => {
    requests.push([kind, body]);
    // One after the other.
    const first = refused.find((key) => key in body);
    if (first) throw new RefusedFieldsError(isUnnamed ? [] : [first], 'refused');
    return requests.length > 1 ? secondAnswer : answer;
  };
  const claimed: number[] = [];
  const attempts: (number | undefined)[] = [];
  const fingerprint = {
    ...fingerprintOf(fields),
    ...Object.fromEntries(changed.map((key) => [key, 'older'])),
  };
  const result = await writeFields(
    {
      userId: 'ann',
      crm: target.kind === 'update' ? { fingerprint } : { ...(attempt && { attempt }) },
      desired: { fields, tags: [], warnings: [] },
      catalog,
      target,
      known: new Set(known),
      store: async (contactId, isInherited) => void requests.push(['store', { contactId, isInherited }]),
    },
    {
      client: {
        upsertContact: send('upsert'),
        createContact: send('create'),
        updateContact: async (_, body) => send('update')(body),
        async readContact() {
          requests.push(['read']);
          return read;
        },
      },
      claims: {
        async claimContact(contactId, _, options) {
          claimed.push(contactId);
          attempts.push(options?.since);
          return holder;
        },
      },
      companies: { idOf: async () => 1 },
      mapping,
      now: () => NOON,
    },
  ).catch((error: unknown) => {
    if (!(error instanceof ConflictError)) throw error;
    return error;
  });
  return { result, claimed, attempts, requests, kinds: requests.map(([kind]) => kind) };
}

describe('the fields of a contact', () => {
  it('that are all right cost no request', async () => {
    const { result, kinds, claimed } = await write();
    expect(result).toEqual({
      contactId: 5,
      answer: undefined,
      observed: undefined,
      isInherited: false,
      isChanged: false,
      refused: [],
      stale: [],
      canClear: false,
    });
    expect({ kinds, claimed }).toEqual({ kinds: [], claimed: [] });
  });

  it('that differ are written by the id, and the answer is returned', async () => {
    const { result, requests, claimed } = await write({ changed: ['given_name'] });
    expect(result).toEqual({
      contactId: 5,
      answer: shows(),
      observed: [1, 2],
      isInherited: false,
      isChanged: false,
      refused: [],
      stale: [],
      canClear: true,
    });
    expect(requests).toEqual([['update', { given_name: 'Ann' }]]);
    expect(claimed).toEqual([]);
  });

  it('have no observed tags where the answer shows none', async () => {
    const answer = shows({ tag_ids: null });
    expect((await write({ changed: ['given_name'], answer })).result).toMatchObject({ observed: undefined });
  });

  it('that the CRM refuses are left out, and are stale if the contact has older values', async () => {
    const { result } = await write({
      changed: ['given_name', 'family_name'],
      refused: ['family_name'],
      known: ['family_name'],
    });
    expect(result).toMatchObject({ refused: ['family_name'], isChanged: false });
  });

  it.each(['upsert', 'create'] as const)(
    'of a new contact are written (%s), and it is claimed',
    async (kind) => {
      const { result, kinds, claimed } = await write({ target: { kind } });
      expect(result).toMatchObject({ contactId: 5, isInherited: false, isChanged: false });
      expect({ kinds, claimed }).toEqual({ kinds: [kind], claimed: [5] });
    },
  );

  it('of a new contact are written, and a claim from before the attempt is not that of the attempt', async () => {
    const attempt = { at: new Date(NOON - 5000).toISOString(), email: 'hash' };
    const target: Target = { kind: 'upsert' };
    expect((await write({ target, attempt })).attempts).toEqual([NOON - 5000]);
    expect((await write({ target })).attempts).toEqual([undefined]);
  });

  it('that the CRM refuses cannot be cleared after four writes', async () => {
    const fields = { ...FIELDS, website: 'https://example.com' };
    const changed: Field[] = ['given_name', 'family_name', 'website' as Field, 'PHONE1'];
    const three = await write({ fields, changed, refused: ['given_name', 'family_name', 'website'] });
    // The last write is that of the email, whose answer does not show whose the contact is.
    expect(three.kinds).toEqual(['update', 'update', 'update', 'update', 'read']);
    expect(three.result).toMatchObject({ canClear: false });
    const two = await write({ fields, changed, refused: ['given_name', 'family_name'] });
    expect(two.kinds).toHaveLength(3);
    expect(two.result).toMatchObject({ canClear: true });
  });

  it('that the CRM refuses without a name are found out by a write of the email', async () => {
    const { requests } = await write({ changed: ['given_name'], refused: ['given_name'], isUnnamed: true });
    expect(requests[1]).toEqual(['update', { email_addresses: [{ field: 'EMAIL1', email: EMAIL }] }]);
  });

  it('that are all refused have no answer', async () => {
    const { result, kinds } = await write({ changed: ['given_name'], refused: ['given_name'] });
    expect(result).toMatchObject({
      refused: ['given_name'],
      answer: undefined,
      observed: undefined,
      isChanged: false,
    });
    expect(kinds).toEqual(['update']);
  });
});

describe('a contact that was found by the email', () => {
  const found = (options: Options) => write({ target: { kind: 'upsert' }, ...options });

  it('and that another user has is a conflict of which the other has to know', async () => {
    const { result } = await found({ holder: { kind: 'other', other: { userId: 'bob' }, claimedAt: 0 } });
    expect(result).toMatchObject({ other: { userId: 'bob' }, hasWritten: true });
  });

  it.each<[string, Options, boolean]>([
    ["was nobody's", {}, false],
    ["was a deleted user's", { holder: { kind: 'former' } }, true],
    ['shows the deleted tag', { answer: shows({ tag_ids: [DELETED_TAG] }) }, true],
    ['shows no tags', { answer: shows({ tag_ids: null }) }, false],
    ['the user inherited before', { holder: { kind: 'own', isInherited: true } }, true],
    ['was created by the same request before', { holder: { kind: 'own', isInherited: false } }, false],
  ])('and that %s is cleared of what the sync wrote for others, or not', async (_, options, isInherited) => {
    const { result, requests } = await found(options);
    expect(result).toMatchObject({ isInherited });
    expect(requests).toHaveLength(isInherited ? 2 : 1);
    if (isInherited) {
      const [, body] = requests[1] ?? [];
      expect(body).toMatchObject({ preferred_locale: '', custom_fields: expect.any(Array) });
      expect(body).not.toHaveProperty('given_name');
      expect(body).not.toHaveProperty('email_addresses');
    }
  });

  const former: Options = { holder: { kind: 'former' } };

  it.each<[string, ContactHolder, boolean]>([
    ['an inherited one', { kind: 'former' }, true],
    ['a new one', { kind: 'new' }, false],
  ])('is stored before more is written to it: %s', async (_, holder, isInherited) => {
    const { requests } = await found({ holder, put: 'replace' });
    expect(requests.slice(0, 3)).toMatchObject([
      ['upsert', { given_name: 'Ann' }],
      ['store', { contactId: 5, isInherited }],
      ['update', { custom_fields: expect.any(Array) }],
    ]);
  });

  it('has the tags of the last answer that shows them', async () => {
    const { result, kinds } = await found({ ...former, secondAnswer: shows({ tag_ids: [3] }) });
    expect(result).toMatchObject({ observed: [3] });
    expect(kinds).toEqual(['upsert', 'update']);
    const unseen = await found({ ...former, secondAnswer: shows({ tag_ids: null }) });
    expect(unseen.result).toMatchObject({ observed: [1, 2] });
  });

  it('has everything that the CRM refuses in either write', async () => {
    const { result } = await found({ ...former, refused: ['family_name', 'preferred_locale'] });
    expect(result).toMatchObject({ refused: ['family_name', 'preferred_locale'] });
  });

  it('keeps what the sync wrote for others if the CRM refuses to clear it', async () => {
    const mapping = {
      ...defaultMapping,
      contact: {
        EMAIL1: defaultMapping.contact.EMAIL1,
        preferred_locale: defaultMapping.contact.preferred_locale,
      },
      customFields: { 'App User Id': defaultMapping.customFields['App User Id'] },
    } as Mapping;
    const { result } = await found({ ...former, mapping, refused: ['preferred_locale'] });
    expect(result).toMatchObject({ refused: ['preferred_locale'], observed: [1, 2] });
  });

  it('needs no second write if the user has a value for every field of the mapping', async () => {
    const { EMAIL1, given_name } = defaultMapping.contact;
    const { 'App User Id': id } = defaultMapping.customFields;
    const mapping = {
      ...defaultMapping,
      contact: { EMAIL1, given_name },
      customFields: { 'App User Id': id },
    } as Mapping;
    const { result, kinds } = await found({ ...former, mapping });
    expect(result).toMatchObject({ contactId: 5, isInherited: true });
    expect(kinds).toEqual(['upsert']);
  });
});

describe('a contact that others have changed, by a merge most likely', () => {
  const others = { given_name: 'Bob', family_name: 'Ray' };
  const email = (text: string | null) => ({ email_addresses: [{ field: 'EMAIL1', email: text }] });
  const { family_name: _, ...withoutLastName } = FIELDS;
  const { PHONE1: ___, given_name: ____, family_name: _____, ...withoutPerson } = FIELDS;
  const named = (userId: string): Contact => shows({ custom_fields: [{ id: FIELD, content: userId }] });
  const ONLY_NAME_REFUSED: Options = {
    fields: { ...withoutPerson, given_name: 'Ann' },
    changed: ['given_name'],
    refused: ['given_name'],
    isUnnamed: true,
  };

  it.each<[string, Options, boolean, number]>([
    ['shows another email', { changed: ['PHONE1'], answer: shows(email('bob@example.com')) }, true, 0],
    [
      'shows the email in other letters',
      { changed: ['PHONE1'], answer: shows(email(' Ann@Example.com')) },
      false,
      0,
    ],
    [
      'shows another second email',
      {
        changed: ['PHONE1'],
        answer: shows({
          email_addresses: [
            { field: 'EMAIL2', email: 'bob@example.com' },
            { field: 'EMAIL1', email: EMAIL },
          ],
        }),
      },
      false,
      0,
    ],
    [
      'shows only a second email',
      {
        changed: ['PHONE1'],
        answer: shows({ email_addresses: [{ field: 'EMAIL2', email: 'bob@example.com' }] }),
      },
      false,
      0,
    ],
    [
      'shows others, when the email was written that stands for the user id',
      {
        changed: ['EMAIL1'],
        answer: shows(others),
        mapping: { ...defaultMapping, userIdField: undefined } as unknown as Mapping,
      },
      false,
      0,
    ],
    ['shows no email', { changed: ['PHONE1'], answer: shows({ email_addresses: null }) }, false, 0],
    ['shows neither name', { changed: ['PHONE1'], answer: shows(others) }, true, 0],
    [
      'shows one of the names, and is read',
      { changed: ['PHONE1'], answer: shows({ given_name: 'Bob' }), read: named('bob') },
      true,
      1,
    ],
    [
      'shows one of the names, and its id when it is read',
      { changed: ['PHONE1'], answer: shows({ given_name: 'Bob' }), read: named('ann') },
      false,
      1,
    ],
    [
      'shows names in other letters',
      { changed: ['PHONE1'], answer: shows({ given_name: ' ann', family_name: 'LEE ' }) },
      false,
      0,
    ],
    [
      'shows no names',
      { changed: ['PHONE1'], answer: shows({ given_name: null, family_name: null }) },
      false,
      0,
    ],
    [
      'shows another value of the only name',
      { fields: withoutLastName, changed: ['PHONE1'], answer: shows(others) },
      true,
      0,
    ],
    [
      'shows another name than the one just written',
      { changed: ['family_name'], answer: shows({ given_name: 'Bob' }) },
      true,
      0,
    ],
    [
      'shows, after a change of the email, the names and the number of a user, and is read',
      { changed: ['EMAIL1'], read: named('bob') },
      true,
      1,
    ],
    [
      'shows, after a change of the email, neither name',
      { changed: ['EMAIL1'], answer: shows(others) },
      true,
      0,
    ],
    [
      'shows nothing of a user, and is read',
      { fields: withoutPerson, changed: ['EMAIL1'], read: named('bob') },
      true,
      1,
    ],
    [
      'shows nothing of a user, and its id when it is read',
      { fields: withoutPerson, changed: ['EMAIL1'], read: named('ann') },
      false,
      1,
    ],
    [
      'shows nothing of a user, and no id when it is read',
      { fields: withoutPerson, changed: ['EMAIL1'] },
      false,
      1,
    ],
    [
      'shows others, when all values were written',
      { changed: ['custom_fields.App User Id'], answer: shows(others) },
      false,
      0,
    ],
    [
      'shows the email only because it was written to find refused fields, and is read',
      { ...ONLY_NAME_REFUSED, read: named('bob') },
      true,
      1,
    ],
    [
      'shows the email that was written to find refused fields, and its id when it is read',
      { ...ONLY_NAME_REFUSED, read: named('ann') },
      false,
      1,
    ],
    [
      'shows another value of what the CRM has refused',
      {
        changed: ['PHONE1', 'given_name'],
        refused: ['given_name'],
        fields: withoutLastName,
        answer: shows({ given_name: 'Bob' }),
      },
      false,
      0,
    ],
  ])('%s', async (_name, options, isChanged, reads) => {
    const { result, kinds } = await write(options);
    expect(result).toMatchObject({ isChanged });
    expect(kinds.filter((kind) => kind === 'read')).toHaveLength(reads);
  });
});
