import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ContactHolder, claims } from '../../../shared/contacts/claims.ts';
import { type AffectedUser, ConflictError } from '../../../shared/contacts/conflict.ts';
import {
  leaveFormer,
  type MakeMatchDependencies,
  makeMatch,
  type UserSync,
} from '../../../shared/contacts/make-match.ts';
import { emailHash } from '../../../shared/contacts/resolve.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { fingerprintOf } from '../../../shared/sync/plan.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { readUser, type Warning } from '../../../shared/user/read-user.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { ANN } from '../../support/ann.ts';
import { NOW } from '../../support/consumer-under-test.ts';
import { invocationOf, memoryClaimStore, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
let catalog: Catalog;
beforeEach(async () => {
  crm = await startCrm({}, mapping);
  catalog = await crm.catalog.current();
});
afterEach(() => crm.stop());

const USER = readUser(ANN).user;
const BOB: User = { userId: 'bob', email: 'bob@example.com' };
const at = (ms: number) => new Date(NOW + ms).toISOString();
const managed = () => Object.values(catalog.tags).sort((a, b) => a - b);

/** A contact in the CRM that shows an email, and perhaps a user id. */
async function contactOf(email: string, userId?: string, more: object = {}): Promise<number> {
  const customFields = userId === undefined ? {} : { 'App User Id': userId };
  const [{ id = 0 } = {}] = await crm.preload({
    values: { 'email_addresses.EMAIL1': email },
    customFields,
    ...more,
  });
  return id;
}
/** The state of Ann when everything is right in a contact. */
function inSync(contactId: number, user = USER): CrmState {
  const { fields, tags } = desiredState(mapping, user, NOW);
  const tagIds = tags.map((name) => catalog.tags[name.toLowerCase()] ?? 0);
  return { contactId, fingerprint: { ...fingerprintOf(fields) }, tagIds };
}

interface World {
  user?: User;
  crm?: CrmState;
  others?: User[];
  /** Contacts that users have claimed. */
  claimed?: [contactId: number, userId: string][];
  /** What a claim on a contact finds, in place of what is claimed. */
  holder?: ContactHolder;
  work?: Partial<UserSync>;
  client?: Partial<MakeMatchDependencies['client']>;
  /** A state cannot be stored: the checkpoint, or one after it. */
  saveError?: Error;
  /** States that can be stored before that. */
  savedBefore?: number;
  leave?: (contactId: number) => unknown;
  /** Other users cannot be notified. */
  notifyError?: Error;
}

function worldOf({
  user = USER,
  crm: state = {},
  others = [],
  holder,
  client = {},
  saveError,
  savedBefore = 0,
  leave,
  notifyError,
}: World) {
  const stored = { ...user, crm: state };
  const { table } = memoryUserTable({ ...stored }, ...others.map((other) => ({ ...other })));
  const invocation = () => invocationOf('a', 1, NOW);
  const store = memoryClaimStore();
  const known = claims({ store, users: table, mapping, invocation, now: () => NOW });
  const before = claims({ store, users: table, mapping, invocation, now: () => NOW - 500 });
  const seen = {
    states: [] as CrmState[],
    saved: [] as CrmState[],
    warnings: [] as Warning[],
    notified: [] as AffectedUser[],
    refusals: [] as string[][],
    left: [] as number[],
    /** Contacts that lost what the sync wrote to them. */
    cleared: [] as number[],
    missing: [] as number[],
  };
  const dependencies: MakeMatchDependencies = {
    client: { ...crm.client, ...client },
    catalogSource: crm.catalog,
    claims: { ...known, ...(holder && { claimContact: async () => holder }) },
    companies: { idOf: async () => 1 },
    async leaveContact(contactId) {
      await leave?.(contactId);
      seen.cleared.push(contactId);
    },
    countRefusals: async (fields) => void seen.refusals.push([...fields]),
    areClaimsComplete: () => true,
    async notify(users) {
      if (notifyError && users.length > 0) throw notifyError;
      seen.notified.push(...users);
    },
    mapping,
    now: () => NOW,
  };
  const record = {
    state: (next: CrmState) => void seen.states.push(next),
    async save(next: CrmState) {
      if (saveError && seen.saved.length === savedBefore) throw saveError;
      seen.saved.push(next);
      return { ...next, revision: 1 };
    },
    warning: (warning: Warning) => void seen.warnings.push(warning),
    left: (contactId: number) => void seen.left.push(contactId),
    missing: (contactId: number) => void seen.missing.push(contactId),
  };
  return { stored, known, before, dependencies, record, seen };
}

/** Makes Ann's contact match, once. */
async function match(options: World = {}) {
  const { stored, known, before, dependencies, record, seen } = worldOf(options);
  for (const [contactId, userId] of options.claimed ?? []) await before.claimContact(contactId, userId);
  const desired = desiredState(mapping, stored, NOW);
  const work = { user: stored, desired, catalog, isGone: false, tagsLater: false, changedAt: NOW };
  let result: unknown;
  const cost = await crm.requestsOf(async () => {
    result = await makeMatch({ ...work, ...options.work }, dependencies, record).catch(
      (error: unknown) => error,
    );
  });
  return { result, cost, ...seen, last: seen.states.at(-1), claims: known };
}

describe('a user who is in sync', () => {
  it('costs nothing, unless the contact is gone', async () => {
    const id = await contactOf(ANN.email);
    expect(await match({ crm: inSync(id), claimed: [[id, 'ann']] })).toMatchObject({
      result: 'done',
      cost: {},
      states: [],
    });
    await crm.admin.removeContact(id);
    const gone = await match({ crm: inSync(id), work: { isGone: true } });
    expect(gone.result).toBe('done');
    expect(gone.last?.contactId).not.toBe(id);
    expect(await crm.contacts()).toHaveLength(1);
  });
});

describe('a contact that another user claims in the meantime', () => {
  const holder: ContactHolder = { kind: 'other', other: BOB, claimedAt: 0 };

  it('is a conflict, and nothing is written', async () => {
    const id = await contactOf(ANN.email);
    const { result, saved } = await match({ crm: { ...inSync(id), fingerprint: {} }, holder });
    expect(result).toBeInstanceOf(ConflictError);
    expect(result).toMatchObject({ other: { userId: 'bob' } });
    expect(saved).toEqual([]);
  });

  it("is the user's after a merge, and the other is written again", async () => {
    const id = await contactOf(ANN.email, 'ann');
    const others = [{ ...BOB, crm: { contactId: id } }];
    const {
      result,
      notified,
      last,
      claims: after,
    } = await match({
      crm: inSync(id + 100),
      others,
      claimed: [[id, 'bob']],
      work: { isGone: true },
    });
    expect(result).toBe('done');
    expect(notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    expect(last?.contactId).toBe(id);
    expect(last).not.toHaveProperty('formerContactIds');
    expect(await after.holderOf(id, 'ann')).toMatchObject({ kind: 'own' });
  });
});

it('of another user is claimed after a merge only once that user has been notified', async () => {
  const id = await contactOf(ANN.email, 'ann');
  const notifyError = new Error('no queue');
  const { result, claims: after } = await match({
    crm: inSync(id + 100),
    others: [{ ...BOB, crm: { contactId: id } }],
    claimed: [[id, 'bob']],
    work: { isGone: true },
    notifyError,
  });
  expect(result).toBe(notifyError);
  expect(await after.holderOf(id, 'bob')).toMatchObject({ kind: 'own' });
});

describe('a contact that another user has by now', () => {
  it('is not one that the user has to leave', async () => {
    const others = [{ ...BOB, crm: { contactId: 999 } }];
    const { result, last, notified } = await match({
      crm: { ...inSync(999), tagIds: [] },
      others,
      claimed: [[999, 'bob']],
    });
    expect(result).toBe('done');
    expect(notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    expect(last?.contactId).not.toBe(999);
    expect(last).not.toHaveProperty('formerContactIds');
  });
});

describe('the state of a user', () => {
  it('is the checkpoint while a write has no answer', async () => {
    const down = new Error('down');
    const { result, saved, last } = await match({ client: { upsertContact: () => Promise.reject(down) } });
    expect(result).toBe(down);
    expect(last).toEqual({ ...saved[0], revision: 1 });
    expect(last?.attempt).toEqual({ at: at(0), email: emailHash(ANN.email) });
  });

  it('has a hash of each value after the write', async () => {
    const { last } = await match();
    expect(last?.fingerprint).toEqual(inSync(0).fingerprint);
    expect(last).not.toHaveProperty('refusedFields');
  });
});

describe('a contact that is created in two requests', () => {
  const down = new Error('down');
  const create = (world: World = {}) =>
    match({
      work: { catalog: { ...catalog, arrays: undefined } as Catalog },
      client: { updateContact: () => Promise.reject(down) },
      ...world,
    });

  it('is stored between the two', async () => {
    const { result, saved, last } = await create();
    const [{ id = 0 } = {}] = await crm.contacts();
    expect(result).toBe(down);
    expect(saved).toMatchObject([{ attempt: { at: at(0) } }, { contactId: id }]);
    expect(saved[1]).not.toHaveProperty('attempt');
    expect(saved[1]).not.toHaveProperty('untrusted');
    expect(last).toEqual({ ...saved[1], revision: 1 });
  });

  it('is stored as uncertain, if a user had it who no longer has it', async () => {
    const { saved } = await create({ holder: { kind: 'former' } });
    expect(saved[1]).toMatchObject({ untrusted: true });
  });

  it('is known also if it cannot be stored', async () => {
    const { result, last } = await create({ saveError: down, savedBefore: 1 });
    const [{ id = 0 } = {}] = await crm.contacts();
    expect(result).toBe(down);
    expect(last).toMatchObject({ contactId: id });
  });
});

describe('the values of a contact', () => {
  const down = new Error('down');
  /** What a checkpoint says of a contact of the user in which only one tag is missing. */
  async function planned(options: (id: number) => World) {
    const id = await contactOf(ANN.email, 'ann');
    const crmState = { ...inSync(id), tagIds: [] };
    const world: World = { crm: crmState, ...options(id) };
    const { saved } = await match(world);
    return { isUncertain: Object.values(saved[0]?.fingerprint ?? {}).includes('?') };
  }

  it.each<[string, (id: number) => World, boolean]>([
    ['are known if the user has claimed it', (id) => ({ claimed: [[id, 'ann']] }), false],
    ['are known if its claim was lost', () => ({}), false],
    ['are unknown if a deleted user had it', (id) => ({ claimed: [[id, 'deleted']] }), true],
    [
      'are unknown if nothing else in the state is certain',
      (id) => ({ claimed: [[id, 'ann']], crm: { ...inSync(id), untrusted: true } }),
      true,
    ],
  ])('%s', async (_, options, expected) => {
    expect((await planned(options)).isUncertain).toBe(expected);
  });

  it('are unknown if it shows an earlier account, and its tags too', async () => {
    const id = await contactOf(ANN.email, 'deleted', { tags: ['Week 1', 'VIP'] });
    const { saved, result } = await match({
      work: { catalog: { ...catalog, arrays: undefined } as Catalog },
    });
    expect(result).toBe('done');
    expect(saved[0]).toMatchObject({
      contactId: id,
      fingerprint: { PHONE1: '?' },
      uncertainTagIds: managed(),
    });
    expect((await crm.contacts())[0]?.tags).not.toContain('Week 1');
  });

  it('that are unknown put the contact into the state before the checkpoint, so that it can be retired; known ones do not', async () => {
    const id = await contactOf(ANN.email);
    const untrusted = { ...inSync(id), untrusted: true };
    expect(await match({ crm: untrusted, saveError: down })).toMatchObject({
      result: down,
      states: [{ contactId: id }],
    });
    const known = await match({
      crm: { ...inSync(id), tagIds: [] },
      claimed: [[id, 'ann']],
      saveError: down,
    });
    expect(known).toMatchObject({ result: down, states: [] });
  });

  it('are trusted if the contact is another one than the stored one', async () => {
    const id = await contactOf(ANN.email);
    const { saved } = await match({
      crm: { ...inSync(id + 100), untrusted: true },
      claimed: [[id + 100, 'deleted']],
    });
    expect(saved[0]?.contactId).toBe(id);
    expect(saved[0]?.fingerprint).not.toHaveProperty('PHONE1');
  });
});

describe('the tags of a new contact', () => {
  const later = { work: { tagsLater: true } };

  it('are left to a tag job', async () => {
    const { cost, last } = await match(later);
    expect(cost).toEqual({ 'PUT /contacts': 1 });
    expect(last).not.toHaveProperty('tagIds');
    expect(last).not.toHaveProperty('uncertainTagIds');
  });

  it.each<[string, CrmState]>([
    [
      'of a user who was rejected before',
      { rejection: { reason: 'no-usable-email', errorId: 'e', at: at(0) } },
    ],
    ['without a tag job', {}],
  ])('%s are applied at once', async (_, state) => {
    const { cost, last } = await match({ crm: state, ...(state.rejection && later) });
    expect(cost).toHaveProperty(['POST /contacts/{id}/tags'], 1);
    expect(last?.tagIds).toHaveLength(4);
  });

  it('that the user had before are applied at once', async () => {
    const id = await contactOf(ANN.email);
    const { cost } = await match({ crm: { ...inSync(id), tagIds: [] }, claimed: [[id, 'ann']], ...later });
    expect(cost).toEqual({ 'POST /contacts/{id}/tags': 1 });
  });

  it('that are not certain are removed, unless the answer of a contact that is new to the state shows them', async () => {
    const id = await contactOf(ANN.email);
    const uncertainTagIds = [catalog.tags['week 1'] ?? 0];
    const user = { ...USER, firstName: 'Anna' };
    const known = { ...inSync(id), uncertainTagIds };
    const removal = ['DELETE /contacts/{id}/tags'];
    expect((await match({ user, crm: known, claimed: [[id, 'ann']] })).cost).toHaveProperty(removal, 1);
    const untrusted = await match({ user, crm: { ...known, untrusted: true }, claimed: [[id, 'ann']] });
    expect(untrusted.cost).not.toHaveProperty(removal);
    const inherited = await match({ holder: { kind: 'former' } });
    expect(inherited.cost).not.toHaveProperty(removal);
  });

  it('may be any, if the answer to the write shows none', async () => {
    const upsertContact: MakeMatchDependencies['client']['upsertContact'] = async (body) => {
      const { tag_ids: _, ...contact } = await crm.client.upsertContact(body);
      return contact as Contact;
    };
    const { states } = await match({ client: { upsertContact } });
    expect(states.map(({ uncertainTagIds }) => uncertainTagIds)).toContainEqual(managed());
  });
});

describe('a contact that the user has claimed before', () => {
  const attempt = { at: at(-1000), email: emailHash(ANN.email) };

  it.each<[string, CrmState, number]>([
    ['is new if it was created without an answer: there is nothing to clear', { attempt }, 0],
    ['is cleared of what the sync wrote, if the state does not know it', {}, 1],
  ])('%s', async (_, state, clearing) => {
    const id = await contactOf(ANN.email);
    const { cost, last } = await match({ crm: state, claimed: [[id, 'ann']] });
    expect(cost['PATCH /contacts/{id}'] ?? 0).toBe(clearing);
    expect(last).toMatchObject({ contactId: id });
    expect(last).not.toHaveProperty('attempt');
  });
});

describe('a contact that others have changed', () => {
  it('is written again, with all values', async () => {
    const id = await contactOf('bob@example.com', undefined, {});
    const user = { ...USER, firstName: 'Anna' };
    const { result, last } = await match({ user, crm: inSync(id), claimed: [[id, 'ann']] });
    expect(result).toBe('repeat');
    expect(last).toMatchObject({ contactId: id, untrusted: true });
  });

  it('is written again if a read for the consent shows another email', async () => {
    const id = await contactOf('bob@example.com');
    const user = { ...USER, marketingOptIn: true };
    const { result, last, cost } = await match({ user, crm: inSync(id), claimed: [[id, 'ann']] });
    expect(result).toBe('repeat');
    expect(last).toMatchObject({ contactId: id, untrusted: true });
    expect(cost).toEqual({ 'GET /contacts/{id}': 1 });
  });
});

describe('a value that the CRM refuses', () => {
  it('is reported, and an older one is cleared by another attempt', async () => {
    const before = { ...USER, timeZone: 'Asia/Tokyo' };
    const user = { ...USER, timeZone: 'Pacific/Auckland', firstName: 'Anna' };
    const id = await contactOf(ANN.email);
    const { result, warnings, refusals, last } = await match({
      user,
      crm: inSync(id, before),
      claimed: [[id, 'ann']],
    });
    expect(result).toBe('done');
    expect(refusals).toEqual([['time_zone']]);
    expect(warnings).toMatchObject([{ field: 'time_zone' }]);
    expect(last?.refusedFields).toHaveProperty('time_zone');
  });

  it('that was found by leaving fields out is cleared by another attempt', async () => {
    await crm.admin.set('strictness', { unnamedRefusals: true });
    const before = { ...USER, timeZone: 'Asia/Tokyo' };
    const { progress: _, ...after } = { ...USER, timeZone: 'Pacific/Auckland', firstName: 'Anna' };
    const id = await contactOf(ANN.email);
    const { result, last } = await match({ user: after, crm: inSync(id, before), claimed: [[id, 'ann']] });
    expect(result).toBe('repeat');
    expect(last?.fingerprint).toMatchObject({ time_zone: '?' });
  });

  it('is not reported if there is none', async () => {
    expect(await match()).toMatchObject({ result: 'done', refusals: [], warnings: [] });
  });
});

describe('the contacts that a user had before', () => {
  const leave = async (state: CrmState, options: Partial<World> = {}) => {
    const { dependencies, record, seen } = worldOf({ ...options, crm: state });
    const result = await leaveFormer('ann', state, catalog, dependencies, record).catch(
      (error: unknown) => error,
    );
    return { result, ...seen };
  };
  const NOT_FOUND = new NotFoundError('gone');
  const unknown = async (contactId: number) => {
    if (contactId === 6) throw NOT_FOUND;
  };

  it('are left, one after the other', async () => {
    const state = { contactId: 5, formerContactIds: [6, 7] };
    expect(await leave(state)).toMatchObject({
      result: undefined,
      cleared: [6, 7],
      left: [6, 7],
      missing: [],
    });
    expect(await leave({ contactId: 5 })).toMatchObject({ result: undefined, cleared: [], left: [] });
  });

  it('are left once the own contact is right', async () => {
    const id = await contactOf(ANN.email);
    const state = { ...inSync(id), formerContactIds: [6] };
    expect(await match({ crm: state, claimed: [[id, 'ann']] })).toMatchObject({
      result: 'done',
      cleared: [6],
      left: [6],
    });
  });

  it('are tried again if that fails', async () => {
    const down = new Error('down');
    const failed = await leave({ formerContactIds: [6] }, { leave: () => Promise.reject(down) });
    expect(failed).toMatchObject({ result: down, left: [], missing: [] });
  });

  it('are waited for while the CRM does not know them', async () => {
    const { result, missing, left, cleared } = await leave({ formerContactIds: [6, 7] }, { leave: unknown });
    expect(result).toMatchObject({ name: 'RetryableError', afterMs: GONE_AFTER_MS });
    expect({ missing, left, cleared }).toEqual({ missing: [6], left: [], cleared: [] });
  });

  it('are gone after a minute: the contact that they were merged into is left, if it shows the user and is not the own', async () => {
    const merged = await contactOf('old@example.com', 'ann');
    await contactOf('old@example.com', 'bob');
    const own = await contactOf(ANN.email, 'ann');
    const state: CrmState = {
      contactId: own,
      emails: ['old@example.com', ANN.email],
      formerContactIds: [6, 7],
      missingSince: { 6: at(-GONE_AFTER_MS) },
    };
    const all = await leave(state, { leave: unknown });
    expect(all).toMatchObject({ result: undefined, cleared: [merged, 7], left: [6, 7], missing: [] });
    const { emails: _, ...withoutEmails } = state;
    expect(await leave(withoutEmails, { leave: unknown })).toMatchObject({ cleared: [7], left: [6, 7] });
  });
});
