import { describe, expect, it } from 'vitest';
import { claims } from '../../../shared/contacts/claims.ts';
import { type AffectedUser, ConflictError, waitOrReject } from '../../../shared/contacts/conflict.ts';
import { emailHash, type ResolveOptions, resolve, type Target } from '../../../shared/contacts/resolve.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { CONFLICT, SEARCH_DELAY_MS } from '../../../shared/quota/retry-policy.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { CATALOG, failingFor, NOON } from '../../support/backfill-users.ts';
import { invocationOf, memoryClaimStore, memoryUserTable } from '../../support/crm-under-test.ts';

const FIELD = CATALOG.customFields['app user id'] ?? 0;
const [EMAIL, OLD_EMAIL] = ['ann@example.com', 'ann@old.example'];
const ANN: User = { userId: 'ann', email: EMAIL };
/** Ann as a sync has left her, with contact 1. */
const REJECTION = { reason: 'refused-by-crm', errorId: 'e', at: new Date(NOON).toISOString() } as const;
const SYNCED: CrmState = { contactId: 1, fingerprint: { EMAIL1: emailHash(EMAIL) } };
const MOVED: CrmState = { contactId: 1, fingerprint: { EMAIL1: emailHash(OLD_EMAIL) } };
const ATTEMPT = { at: new Date(NOON - SEARCH_DELAY_MS).toISOString(), email: emailHash(EMAIL) };

/** A contact that shows an email, and perhaps a user id. */
const contactOf = (id: number, email: string, userId?: string): Contact => ({
  id,
  email_addresses: [{ field: 'EMAIL1', email }],
  custom_fields: userId === undefined ? [] : [{ id: FIELD, content: userId }],
});

interface World {
  crm?: CrmState;
  others?: User[];
  /** The contacts of the CRM. */
  contacts?: Contact[];
  /** Ids of contacts that a search by email does not show yet. */
  unlisted?: number[];
  /** Contacts that users have claimed. */
  claimed?: [contactId: number, userId: string][];
  /** Users who have claimed Ann's email, one after the other. */
  emailClaims?: string[];
  areClaimsComplete?: boolean;
  mapping?: Mapping;
  options?: Partial<ResolveOptions>;
}

/** Resolves Ann's contact. */
async function resolveAnn({
  crm = {},
  others = [],
  contacts = [],
  unlisted = [],
  claimed = [],
  emailClaims = [],
  areClaimsComplete = true,
  mapping = defaultMapping,
  options = {},
}: World) {
  const ann: User = { ...ANN, crm };
  const { table } = memoryUserTable({ ...ann }, ...others.map((other) => ({ ...other })));
  const invocation = () => invocationOf('a', 1, NOON);
  const store = memoryClaimStore();
  const known = claims({ store, users: table, mapping, invocation, now: () => NOON });
  for (const [contactId, userId] of claimed) await known.claimContact(contactId, userId);
  for (const userId of emailClaims) await known.claimEmail(EMAIL, userId);
  const searches: string[] = [];
  const reads: number[] = [];
  const notified: AffectedUser[] = [];
  const client = {
    async findContactsByEmail(email: string) {
      searches.push(email);
      const shows = (contact: Contact) =>
        contact.email_addresses?.some((each) => each.email?.toLowerCase() === email.toLowerCase());
      return contacts.filter((contact) => shows(contact) && !unlisted.includes(contact.id));
    },
    findContactsUpdatedSince: async () => contacts,
    async readContact(contactId: number) {
      reads.push(contactId);
      const found = contacts.find(({ id }) => id === contactId);
      if (!found) throw new NotFoundError('gone');
      return found;
    },
  };
  const result = await resolve(
    ann,
    EMAIL,
    CATALOG,
    { isGone: false, alwaysLookUp: false, changedAt: NOON, ...options },
    {
      client,
      claims: known,
      mapping,
      areClaimsComplete: () => areClaimsComplete,
      notify: async (users) => void notified.push(...users),
      now: () => NOON,
    },
  ).catch((error: unknown) => {
    if (!(error instanceof ConflictError)) throw error;
    return error;
  });
  return { result, searches, reads, notified, claims: known };
}

const update = (contactId: number, more: Partial<Extract<Target, { kind: 'update' }>> = {}): Target => ({
  kind: 'update',
  contactId,
  isClaimed: false,
  isForeign: false,
  ...more,
});
const resolved = (target: Target, more: { isLost?: boolean; duplicates?: number[] } = {}) => ({
  target,
  isLost: false,
  duplicates: [],
  ...more,
});

describe('the contact of a user who keeps contact and email', () => {
  it.each<[string, [number, string][], boolean]>([
    ['is claimed', [[1, 'ann']], true],
    ['has lost its claim', [], false],
  ])('is the stored one if it %s, without a search', async (_, claimed, isClaimed) => {
    const { result, searches, notified } = await resolveAnn({ crm: SYNCED, claimed });
    expect(result).toEqual(resolved(update(1, { isClaimed })));
    expect({ searches, notified }).toEqual({ searches: [], notified: [] });
  });

  it.each<[string, CrmState]>([
    ['after a change of the email', MOVED],
    ['if no email was written', { contactId: 1 }],
    ['in a conflict', { ...SYNCED, conflict: { otherUserId: 'bob', states: 'x', since: ATTEMPT.at } }],
  ])('is looked up %s', async (_, crm) => {
    const { result, searches } = await resolveAnn({ crm, claimed: [[1, 'ann']] });
    expect(result).toEqual(resolved(update(1, { isClaimed: true })));
    expect(searches).toEqual([EMAIL]);
  });

  it.each([[[]], [[contactOf(1, EMAIL, 'ann')]]])(
    'is looked up and claimed again if nothing else in the state is certain: the claim may be retired by now',
    async (contacts) => {
      const crm = { ...SYNCED, untrusted: true };
      const { result, searches } = await resolveAnn({ crm, claimed: [[1, 'ann']], contacts });
      expect(result).toEqual(resolved(update(1, { isClaimed: false })));
      expect(searches).toEqual([EMAIL]);
    },
  );

  it('is looked up if it is a former contact that the claims confirm', async () => {
    const crm = { ...SYNCED, formerContactIds: [2] };
    const world: World = {
      crm,
      claimed: [
        [1, 'deleted'],
        [2, 'ann'],
      ],
    };
    const { result, searches } = await resolveAnn(world);
    expect(result).toEqual(resolved(update(2, { isClaimed: true })));
    expect(searches).toEqual([EMAIL]);
  });
});

describe('the contact of a user without one', () => {
  it.each<[string, World]>([
    ['for the first sync', {}],
    [
      'after a rejection of another email',
      { crm: { rejection: { reason: 'no-usable-email', errorId: 'e', at: ATTEMPT.at } } },
    ],
    ['when a create of the same email had no answer', { crm: { attempt: ATTEMPT } }],
  ])('is one with the email or a new one, without a search: %s', async (_, world) => {
    const { result, searches } = await resolveAnn(world);
    expect(result).toEqual(resolved({ kind: 'upsert' }));
    expect(searches).toEqual([]);
  });

  it.each<[string, World]>([
    ['if the account needs it', { options: { alwaysLookUp: true } }],
    [
      'if the account needs it, also after a create without an answer',
      { crm: { attempt: ATTEMPT }, options: { alwaysLookUp: true } },
    ],
    ['while the claims are not complete', { areClaimsComplete: false }],
    ['if the user has claimed the email before', { emailClaims: ['ann'] }],
    [
      'if another user had the email before',
      { others: [{ userId: 'bob', email: 'bob@example.com' }], emailClaims: ['bob'] },
    ],
    ['after former contacts', { crm: { formerContactIds: [9] } }],
    ['after a conflict', { crm: { conflict: { otherUserId: 'bob', states: 'x', since: ATTEMPT.at } } }],
    ['after a rejection', { crm: { rejection: { reason: 'refused-by-crm', errorId: 'e', at: ATTEMPT.at } } }],
    [
      'after a create of another email without an answer',
      { crm: { attempt: { ...ATTEMPT, email: emailHash(OLD_EMAIL) } } },
    ],
    [
      'after a create beside another contact without an answer',
      { crm: { attempt: ATTEMPT, separated: true } },
    ],
    ['after the contact is gone', { crm: { ...SYNCED, attempt: ATTEMPT }, options: { isGone: true } }],
    ['after a retired contact', { crm: SYNCED, claimed: [[1, 'deleted']] }],
  ])('is looked up %s', async (_, world) => {
    const { result, searches } = await resolveAnn(world);
    expect(result).toEqual(resolved({ kind: 'upsert' }));
    expect(searches).toEqual([EMAIL]);
  });
});

describe('of the contacts that a search shows', () => {
  const look = (contacts: Contact[], world: World = {}) =>
    resolveAnn({ contacts, options: { alwaysLookUp: true }, ...world });

  it('one that belongs to no user is taken', async () => {
    const { result, notified } = await look([contactOf(5, EMAIL), contactOf(6, EMAIL)]);
    expect(result).toEqual(resolved(update(5)));
    expect(notified).toEqual([]);
  });

  it('the stored one stays, and others that show the user are duplicates', async () => {
    const contacts = [contactOf(3, EMAIL, 'ann'), contactOf(1, EMAIL, 'ann'), contactOf(5, EMAIL)];
    const { result } = await look(contacts, { crm: MOVED, claimed: [[1, 'ann']] });
    expect(result).toEqual(resolved(update(1, { isClaimed: true }), { duplicates: [3] }));
  });

  it('one that shows the user comes before one that belongs to no user, and nothing is known about its values', async () => {
    const { result } = await look([
      contactOf(3, EMAIL),
      contactOf(4, EMAIL, 'ann'),
      contactOf(5, EMAIL, 'ann'),
    ]);
    expect(result).toEqual(resolved(update(4, { isForeign: true }), { duplicates: [5] }));
  });

  it.each<[string, World, Contact[], Target, number[]]>([
    [
      'of nobody comes before another one of the user',
      {},
      [contactOf(3, OLD_EMAIL, 'ann'), contactOf(4, EMAIL)],
      update(4),
      [3],
    ],
    [
      'of nobody comes before the stored one',
      { crm: { ...MOVED, attempt: ATTEMPT } },
      [contactOf(1, OLD_EMAIL, 'ann'), contactOf(4, EMAIL)],
      update(4),
      [1],
    ],
    [
      'of the user comes before one of nobody',
      {},
      [contactOf(3, EMAIL), contactOf(4, EMAIL, 'ann')],
      update(4, { isForeign: true }),
      [],
    ],
  ])(
    'one that has the email %s, so that no second contact gets it',
    async (_, world, contacts, target, duplicates) => {
      const { result } = await look(contacts, { crm: { attempt: ATTEMPT }, ...world });
      expect(result).toEqual(resolved(target, { duplicates }));
    },
  );

  it('one that has the email as its second one does not come before one of the user', async () => {
    const second = {
      ...contactOf(4, OLD_EMAIL),
      email_addresses: [
        { field: 'EMAIL1', email: 'x@example.com' },
        { field: 'EMAIL2', email: EMAIL },
      ],
    };
    const { result } = await look([contactOf(3, OLD_EMAIL, 'ann'), second], { crm: { attempt: ATTEMPT } });
    expect(result).toEqual(resolved(update(3, { isForeign: true })));
  });

  it.each<[string, World, number]>([
    ['a user without a contact', { crm: { rejection: REJECTION }, unlisted: [1] }, 4],
    ['no user with a contact', { crm: MOVED, unlisted: [1] }, 1],
  ])('of nobody that has the email as its second one is for %s', async (_, world, contactId) => {
    const second = {
      ...contactOf(4, 'x@example.com'),
      email_addresses: [
        { field: 'EMAIL1', email: 'x@example.com' },
        { field: 'EMAIL2', email: EMAIL },
      ],
    };
    const { result, reads } = await look([contactOf(1, OLD_EMAIL, 'ann'), second], world);
    expect(result).toEqual(resolved(update(contactId)));
    expect(reads).toEqual([]);
  });

  it('the stored one that has the email as its second one stays, with unknown values', async () => {
    const stored = {
      ...contactOf(1, OLD_EMAIL, 'ann'),
      email_addresses: [
        { field: 'EMAIL1', email: OLD_EMAIL },
        { field: 'EMAIL2', email: EMAIL },
      ],
    };
    const { result } = await look([stored, contactOf(4, EMAIL)], { crm: MOVED });
    expect(result).toEqual(resolved(update(1, { isForeign: true })));
  });

  it('the stored one that the search shows is not read again', async () => {
    const crm = { ...SYNCED, untrusted: true };
    const { result, reads } = await look([contactOf(4, EMAIL), contactOf(1, EMAIL, 'ann')], { crm });
    expect(result).toMatchObject({ target: { kind: 'update', contactId: 1 } });
    expect(reads).toEqual([]);
  });

  it.each<[string, string, number]>([
    ['stays if it has the email and the search does not show that yet', EMAIL, 1],
    ['is not the user’s if it has another email by now', 'cem@example.com', 4],
  ])('the stored one %s', async (_, shown, contactId) => {
    const contacts = [contactOf(1, shown, 'ann'), contactOf(4, EMAIL)];
    const world: World = { crm: { ...SYNCED, untrusted: true }, unlisted: [1] };
    const { result } = await look(contacts, world);
    expect(result).toMatchObject({ target: { kind: 'update', contactId } });
  });

  it('the stored one that shows the user is known, claimed or not', async () => {
    const { result } = await look([contactOf(1, EMAIL, 'ann')], { crm: MOVED });
    expect(result).toEqual(resolved(update(1)));
  });

  it('one that shows a deleted user is taken, and nothing is known about its values', async () => {
    const { result } = await look([contactOf(3, EMAIL, 'deleted')]);
    expect(result).toEqual(resolved(update(3, { isForeign: true })));
  });

  it('one that the user has claimed, but that is not the stored one, is taken unclaimed', async () => {
    const { result } = await look([contactOf(3, EMAIL)], {
      crm: MOVED,
      claimed: [
        [1, 'ann'],
        [3, 'ann'],
      ],
    });
    expect(result).toEqual(resolved(update(3)));
  });
});

describe('a contact with the email that another user has', () => {
  const BOB: User = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 2 } };
  const showing = (...emails: NonNullable<Contact['email_addresses']>): Contact => ({
    ...contactOf(2, EMAIL, 'bob'),
    email_addresses: emails,
  });
  /** Ann's email was added to Bob's contact by people. */
  const ADDED = showing({ field: 'EMAIL1', email: 'bob@example.com' }, { field: 'EMAIL2', email: EMAIL });
  const bobs = (world: World = {}, contact = contactOf(2, EMAIL, 'bob')) =>
    resolveAnn({
      others: [BOB],
      contacts: [contact],
      claimed: [[2, 'bob']],
      options: { alwaysLookUp: true },
      ...world,
    });
  /** Says that Ann and Bob have been in conflict for as long as a user waits. */
  function conflictThatHasStood(crm: CrmState = {}): World {
    const since = NOON - CONFLICT.limitMs;
    const { conflict } = waitOrReject(ANN, new ConflictError(BOB, 'has it'), since, since);
    return { crm: { ...crm, conflict }, options: { alwaysLookUp: true, changedAt: since } };
  }

  it.each<[string, World, Contact?]>([
    ['while it is the first email', {}],
    [
      'while it is the first of two emails, in any case',
      {},
      showing({ field: 'EMAIL1', email: 'ANN@example.com' }, { field: 'EMAIL2', email: 'x@example.com' }),
    ],
    ['of a user who has no email any more', { others: [{ ...BOB, email: undefined }] }],
    ['of a user for whom the mapping throws', { mapping: failingFor('bob') }],
    ['after a create that was not beside it', { crm: { attempt: ATTEMPT } }],
  ])('is waited for %s: the other may be about to leave it', async (_, world, contact) => {
    const { result, notified } = await bobs(world, contact);
    expect(result).toMatchObject({ other: { userId: 'bob' }, isOutdated: true, isLost: false });
    expect(notified).toEqual([]);
  });

  it.each<[string, World, Contact?]>([
    ['is an email that people added', {}, ADDED],
    [
      'is an email that people added to a contact without a first one',
      {},
      showing({ field: 'EMAIL1', email: null }, { field: 'EMAIL2', email: EMAIL }),
    ],
    [
      'shows the user id and no email',
      { crm: { attempt: ATTEMPT } },
      { id: 2, custom_fields: [{ id: FIELD, content: 'ann' }] },
    ],
    ['has been waited for', conflictThatHasStood()],
    ['was the reason for a create that got no answer', { crm: { separated: true, attempt: ATTEMPT } }],
  ])(
    'gives the user a contact of its own, and the other all its values again, if it %s',
    async (_, world, contact) => {
      const { result, notified } = await bobs(world, contact);
      expect(result).toEqual(resolved({ kind: 'create' }));
      expect(notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    },
  );

  it('gives the user no second contact of its own', async () => {
    const { result, notified } = await bobs({ crm: { separated: true } }, ADDED);
    expect(result).toMatchObject({ other: { userId: 'bob' }, isOutdated: true });
    expect(notified).toEqual([]);
  });

  describe('of a user with a contact', () => {
    const claimed: World['claimed'] = [
      [1, 'ann'],
      [2, 'bob'],
    ];
    const waitingFor = (otherUserId: string): CrmState => ({
      conflict: { otherUserId, states: 'x', since: new Date(NOON).toISOString() },
    });

    it.each<[string, User]>([
      ['who has the contact', BOB],
      ['of whom nothing is stored', { userId: 'bob', email: 'bob@example.com' }],
      ['who waits for a user who is deleted by now', { ...BOB, crm: waitingFor('cem') }],
    ])('makes the user wait for one %s: the other may leave the contact to the user', async (_, bob) => {
      const { result, notified } = await bobs({ crm: MOVED, claimed, others: [bob] });
      expect(result).toMatchObject({ other: { userId: 'bob' }, isOutdated: true, isLost: false });
      expect(notified).toEqual([]);
    });

    it.each<[string, World, Contact?]>([
      ['is not the first of the contact', {}, ADDED],
      ['has been waited for', conflictThatHasStood(MOVED)],
      ['belongs to a rejected user', { others: [{ ...BOB, crm: { rejection: REJECTION } }] }],
      ['belongs to a user who waits for this one', { others: [{ ...BOB, crm: waitingFor('ann') }] }],
      [
        'belongs to a user who waits for this one because of another',
        {
          others: [
            { ...BOB, crm: waitingFor('cem') },
            { userId: 'cem', email: 'cem@example.com', crm: waitingFor('ann') },
          ],
        },
      ],
    ])('leaves the user the own contact, and has the other synced, if it %s', async (_, world, contact) => {
      const { result, notified } = await bobs({ crm: MOVED, claimed, ...world }, contact);
      expect(result).toEqual(resolved(update(1, { isClaimed: true })));
      expect(notified).toEqual([{ userId: 'bob', cause: 'changed' }]);
    });

    it.each([undefined, 'nobody at nowhere'])(
      'leaves the user the own contact, and the other alone, who has no usable email: %s',
      async (email) => {
        const { result, notified } = await bobs({
          crm: MOVED,
          claimed,
          others: [{ userId: 'bob', ...(email && { email }) }],
        });
        expect(result).toEqual(resolved(update(1, { isClaimed: true })));
        expect(notified).toEqual([]);
      },
    );

    it('makes the user wait for one who waits for others in a circle', async () => {
      const others = [
        { ...BOB, crm: waitingFor('cem') },
        { userId: 'cem', email: 'cem@example.com', crm: waitingFor('bob') },
      ];
      const { result } = await bobs({ crm: MOVED, claimed, others });
      expect(result).toMatchObject({ other: { userId: 'bob' }, isOutdated: true });
    });
  });

  it('is passed over for one that belongs to no user', async () => {
    const contacts = [contactOf(2, EMAIL, 'bob'), contactOf(3, EMAIL)];
    expect((await bobs({ contacts })).result).toEqual(resolved(update(3)));
  });

  describe('is written again if it shows this user, since a create took effect late, over the values of the other', () => {
    const overwritten = contactOf(2, 'bob@example.com', 'ann');

    it('and the user takes a contact that belongs to no user', async () => {
      const contacts = [overwritten, contactOf(3, EMAIL)];
      const { result, notified } = await bobs({ contacts, crm: { attempt: ATTEMPT } });
      expect(result).toEqual(resolved(update(3)));
      expect(notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    });

    it('and so is the user whose contact has the email', async () => {
      const eve: User = { userId: 'eve', email: 'eve@example.com', crm: { contactId: 3 } };
      const { result, notified } = await bobs({
        others: [BOB, eve],
        contacts: [contactOf(3, EMAIL, 'eve'), overwritten],
        claimed: [
          [2, 'bob'],
          [3, 'eve'],
        ],
        crm: { separated: true, attempt: ATTEMPT },
      });
      expect(result).toEqual(resolved({ kind: 'create' }));
      expect(notified).toEqual(['bob', 'eve'].map((userId) => ({ userId, cause: 'resync' })));
    });

    it('and the user keeps the own contact', async () => {
      const contacts = [contactOf(1, EMAIL, 'ann'), contactOf(2, EMAIL, 'ann')];
      const claimed: World['claimed'] = [
        [1, 'ann'],
        [2, 'bob'],
      ];
      const { result, notified } = await bobs({ contacts, claimed, crm: MOVED });
      expect(result).toEqual(resolved(update(1, { isClaimed: true })));
      expect(notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    });
  });

  it('is not written again if it is another one that a create without an answer has made', async () => {
    const { result, notified } = await bobs({
      contacts: [contactOf(3, EMAIL, 'ann')],
      crm: { attempt: ATTEMPT },
    });
    expect(result).toEqual(resolved(update(3, { isForeign: true })));
    expect(notified).toEqual([]);
  });

  it.each([EMAIL, EMAIL.toUpperCase()])(
    "is the other's with the claim on the email, if the app says so (%s)",
    async (email) => {
      const others = [{ ...BOB, email }];
      const { result, notified, claims: after } = await bobs({ others, emailClaims: ['ann'] });
      expect(result).toMatchObject({ other: { userId: 'bob' }, isLost: false, isOutdated: false });
      // Bob may have been rejected because of the claim.
      expect(notified).toEqual([{ userId: 'bob', cause: 'changed' }]);
      expect(await after.claimEmail(EMAIL, 'bob')).toEqual({ kind: 'again' });
    },
  );
});

describe('an email that another user has', () => {
  it.each([
    ['is a conflict, without a search', undefined, false],
    ['is a conflict that says so when the other has the stored contact, too', 1, true],
  ] as const)('%s', async (_, contactId, isLost) => {
    const bob: User = { userId: 'bob', email: EMAIL, crm: { contactId: contactId ?? 2 } };
    const world: World = {
      crm: SYNCED,
      others: [bob],
      claimed: [[contactId ?? 2, 'bob']],
      emailClaims: ['bob'],
    };
    const { result, searches } = await resolveAnn({ ...world, crm: { ...SYNCED, untrusted: true } });
    expect(result).toMatchObject({ other: { userId: 'bob' }, isLost, isOutdated: false });
    expect(searches).toEqual([]);
  });
});

describe('a stored contact that another user has by now', () => {
  const BOB: User = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 1 } };

  it('is lost: the other is written again, and the user looks for another contact', async () => {
    const world: World = { crm: { ...SYNCED, attempt: ATTEMPT }, others: [BOB], claimed: [[1, 'bob']] };
    const { result, searches, notified } = await resolveAnn(world);
    expect(result).toEqual(resolved({ kind: 'upsert' }, { isLost: true }));
    expect({ searches, notified }).toEqual({
      searches: [EMAIL],
      notified: [{ userId: 'bob', cause: 'resync' }],
    });
  });

  it('is lost also when a search shows one that belongs to no user', async () => {
    const contacts = [contactOf(3, EMAIL)];
    const { result } = await resolveAnn({ crm: SYNCED, others: [BOB], claimed: [[1, 'bob']], contacts });
    expect(result).toEqual(resolved(update(3), { isLost: true }));
  });

  it.each([
    ['the other should have that email', EMAIL],
    ['the other has another email', BOB.email],
  ])('is a conflict that says so when the search shows it and %s', async (_, email) => {
    const contacts = [contactOf(1, EMAIL, 'bob')];
    const others = [{ ...BOB, email }];
    const world: World = { crm: SYNCED, others, claimed: [[1, 'bob']], emailClaims: ['ann'], contacts };
    expect((await resolveAnn(world)).result).toMatchObject({ other: { userId: 'bob' }, isLost: true });
  });
});

describe('a stored contact that shows the id of another user', () => {
  const BOB: User = { userId: 'bob', email: 'bob@example.com' };
  const BY_FIRST = contactOf(1, EMAIL, 'bob');
  const BY_SECOND: Contact = {
    ...BY_FIRST,
    email_addresses: [
      { field: 'EMAIL1', email: BOB.email },
      { field: 'EMAIL2', email: EMAIL },
    ],
  };
  const merged = (
    crm: CrmState,
    bob: User = BOB,
    mapping: Mapping = defaultMapping,
    contact: Contact = BY_FIRST,
  ) =>
    resolveAnn({
      ...{ crm, mapping },
      others: [bob],
      contacts: [contact],
      claimed: [[1, 'ann']],
    });

  it.each<[string, CrmState, Contact]>([
    ['the email is only the second of the contact', MOVED, BY_SECOND],
    ['an earlier create got no answer', { ...MOVED, separated: true, attempt: ATTEMPT }, BY_FIRST],
  ])('is given to that user, and the user gets a contact of its own if %s', async (_, crm, contact) => {
    const { result, notified, claims: after } = await merged(crm, BOB, defaultMapping, contact);
    expect(result).toEqual(resolved({ kind: 'create' }, { isLost: true }));
    expect(notified).toEqual([{ userId: 'bob', cause: 'resync', contactId: 1 }]);
    expect(await after.holderOf(1, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it.each<[string, CrmState, Contact]>([
    ['the contact still has the email of the user, so that a new one would double it', MOVED, BY_FIRST],
    ['the user has had a contact of its own before', { ...MOVED, separated: true }, BY_SECOND],
  ])('is given to that user, and is a conflict while %s', async (_, crm, contact) => {
    const { result, notified, claims: after } = await merged(crm, BOB, defaultMapping, contact);
    expect(result).toMatchObject({ other: { userId: 'bob' }, isLost: true });
    expect(notified).toEqual([{ userId: 'bob', cause: 'resync', contactId: 1 }]);
    expect(await after.holderOf(1, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it.each<CrmState>([{ attempt: ATTEMPT }, { attempt: ATTEMPT, contactId: 7 }])(
    'stays if a create of that user got no answer: it took effect here, late (%j)',
    async (crm) => {
      const { result, notified } = await merged(MOVED, { ...BOB, crm });
      expect(result).toEqual(resolved(update(1, { isClaimed: true, isForeign: true })));
      expect(notified).toEqual([]);
    },
  );

  it('is given to that user, and the user keeps the contact of a create that got no answer', async () => {
    const world: World = { crm: { ...MOVED, attempt: ATTEMPT }, others: [BOB], claimed: [[1, 'ann']] };
    const contacts = [BY_FIRST, contactOf(2, EMAIL, 'ann')];
    const { result, claims: after } = await resolveAnn({ ...world, contacts });
    expect(result).toEqual(resolved(update(2, { isForeign: true }), { isLost: true }));
    expect(await after.holderOf(1, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it('stays when the mapping throws for that user', async () => {
    const { result } = await merged(MOVED, BOB, failingFor('bob'));
    expect(result).toEqual(resolved(update(1, { isClaimed: true, isForeign: true })));
  });

  it.each<[string, User]>([
    ['has no email', { userId: 'bob' }],
    ['has another contact', { ...BOB, crm: { contactId: 2 } }],
  ])('stays when that user %s', async (_, bob) => {
    const world: World = { crm: MOVED, others: [bob], claimed: [[1, 'ann']] };
    const contacts = [contactOf(1, EMAIL, 'bob'), contactOf(2, 'bob@example.com', 'bob')];
    const { result, notified } = await resolveAnn({ ...world, contacts });
    expect(result).toEqual(resolved(update(1, { isClaimed: true, isForeign: true })));
    expect(notified).toEqual([]);
  });
});

describe('a contact that the CRM does not know any more', () => {
  const GONE = { isGone: true };
  const emails = [OLD_EMAIL, EMAIL.toUpperCase()];

  it('was merged into one that has the email as another one, although one of nobody has it', async () => {
    const survivor = {
      ...contactOf(3, OLD_EMAIL, 'ann'),
      email_addresses: [
        { field: 'EMAIL1', email: 'bob@example.com' },
        { field: 'EMAIL2', email: EMAIL },
      ],
    };
    const contacts = [survivor, contactOf(4, EMAIL)];
    const { result } = await resolveAnn({ crm: SYNCED, contacts, options: GONE });
    expect(result).toMatchObject({ target: { kind: 'update', contactId: 3 } });
  });

  it('was merged into one with a former email, if that shows the user', async () => {
    const contacts = [
      contactOf(3, OLD_EMAIL),
      contactOf(4, OLD_EMAIL, 'ann'),
      contactOf(5, OLD_EMAIL, 'deleted'),
    ];
    const { result, searches } = await resolveAnn({ crm: { ...SYNCED, emails }, contacts, options: GONE });
    expect(result).toEqual(resolved(update(4, { isForeign: true })));
    expect(searches).toEqual([EMAIL, OLD_EMAIL]);
  });

  it('was not merged into one with a former email that belongs to no user, even if the user has claimed it', async () => {
    const world: World = { crm: { ...SYNCED, emails }, claimed: [[3, 'ann']], options: GONE };
    const { result } = await resolveAnn({ ...world, contacts: [contactOf(3, OLD_EMAIL)] });
    expect(result).toEqual(resolved({ kind: 'upsert' }));
  });

  it.each([EMAIL, OLD_EMAIL])(
    'was merged into that of another user with the email %s, if it shows the user: the person who merged them has chosen',
    async (email) => {
      const bob: User = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 2 } };
      const world: World = {
        crm: { ...SYNCED, emails },
        others: [bob],
        claimed: [[2, 'bob']],
        options: GONE,
      };
      const { result } = await resolveAnn({ ...world, contacts: [contactOf(2, email, 'ann')] });
      expect(result).toEqual(resolved(update(2, { isForeign: true })));
    },
  );

  it('is not looked for by former emails while the CRM knows it', async () => {
    const { searches } = await resolveAnn({ crm: { ...MOVED, emails }, claimed: [[1, 'ann']] });
    expect(searches).toEqual([EMAIL]);
  });
});
