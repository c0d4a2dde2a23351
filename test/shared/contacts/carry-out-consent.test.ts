import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { carryOutConsent, withdrawConsent } from '../../../shared/contacts/carry-out-consent.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { NotFoundError, UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { type ConsentRecord, hashAddress } from '../../../shared/sync/consent.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { type ConsumerOptions, consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const [EMAIL, NEW_EMAIL] = ['ann@example.com', 'ann@home.example'];
const ANN = { userId: 'ann', email: EMAIL, firstName: 'Ann', marketingOptIn: true };

let crm: Awaited<ReturnType<typeof startCrm>>;
let clock = NOW;
function startCrmWithClock() {
  beforeEach(async () => {
    crm = await startCrm({ now: () => clock });
    clock = NOW;
  });
  afterEach(() => crm.stop());
}

/** A user, and the consumer that syncs it. */
function sync(user: Record<string, unknown> = ANN, options: ConsumerOptions = {}) {
  const users = memoryUserTable({ ...user, userId: 'ann' });
  const consumer = consumerOf(crm, users, { now: () => clock, ...options });
  /** Syncs the user after changes. @returns the requests, by route. */
  const edit = (changes: Record<string, unknown> = {}, about: Parameters<typeof userMessage>[1] = {}) => {
    users.edit('ann', changes);
    return crm.requestsOf(() => consumer.receive(record(userMessage('ann', about))));
  };
  return { ...consumer, users, edit, consent: () => users.user('ann').crm?.consent };
}
const addressOf = async (email = EMAIL) =>
  (await crm.admin.addresses()).find((address) => address.email === email);
const statusOf = async (email = EMAIL) => (await addressOf(email))?.status;
/** What the sync did to an address. */
const doneTo = async (email = EMAIL) =>
  (await addressOf(email))?.events.filter(({ by }) => by === 'client').map(({ what }) => what) ?? [];
const known = (emailStatus: 'Manual' | 'ListUnsubscribe' | 'NonMarketable' | 'SingleOptIn', email = EMAIL) =>
  crm.preload({ values: { 'email_addresses.EMAIL1': email }, emailStatus });

const WRITE = { 'PUT /contacts': 1 };
const TAG = { 'POST /contacts/{id}/tags': 1 };
const ADDRESS = { 'PUT /emailAddresses/{email}': 1 };
const READ = { 'GET /contacts/{id}': 1 };

describe('a user who signs up', () => {
  startCrmWithClock();

  it('with consent has a new address opted in, by one more request', async () => {
    const { edit, consent } = sync();
    expect(await edit()).toEqual({ ...WRITE, ...ADDRESS, ...TAG });
    expect(await statusOf()).toBe('SingleOptIn');
    expect(consent()).toMatchObject({ step: 'given' });
    expect((await crm.contacts())[0]?.values).not.toHaveProperty('opt_in_reason');
    expect(await edit()).toEqual({});
  });

  it.each(['Manual', 'ListUnsubscribe'] as const)(
    'with consent and an address that shows %s does not have it opted in',
    async (status) => {
      await known(status);
      const { edit } = sync();
      expect(await edit()).toEqual({ ...WRITE, ...TAG });
      expect(await edit()).toEqual({});
      expect([await statusOf(), await doneTo()]).toEqual([status, []]);
    },
  );

  it('with consent has an address opted in that is known without an opt-out', async () => {
    await known('NonMarketable');
    await sync().edit();
    expect(await statusOf()).toBe('SingleOptIn');
  });

  it('with consent and an address that is opted in costs no more', async () => {
    await known('SingleOptIn');
    expect(await sync().edit()).toEqual({ ...WRITE, ...TAG });
  });

  it('with consent has the contact read if the answer shows no status, and is not opted in if the contact shows none either', async () => {
    await crm.admin.set('answers', { emailStatus: false });
    const { edit } = sync();
    expect(await edit()).toEqual({ ...WRITE, ...READ, ...TAG });
    expect(await doneTo()).toEqual([]);
    expect(await edit()).toEqual({});
  });

  it.each([[false], [undefined]])(
    'with the value %s costs as much as without consent',
    async (marketingOptIn) => {
      const { edit, consent } = sync({ ...ANN, marketingOptIn });
      expect(await edit()).toEqual({ ...WRITE, ...TAG });
      expect(consent()).toBeUndefined();
      expect(await doneTo()).toEqual([]);
    },
  );
});

describe('a withdrawal', () => {
  startCrmWithClock();

  it('reaches the CRM once', async () => {
    const { edit } = sync();
    await edit();
    expect(await edit({ marketingOptIn: false })).toEqual({ ...READ, ...ADDRESS });
    expect(await statusOf()).toBe('Manual');
    expect(await edit()).toEqual({});
    expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
  });

  it('is followed by an opt-in when the app says yes again, without a read', async () => {
    const { edit } = sync();
    await edit();
    await edit({ marketingOptIn: false });
    await edit({ marketingOptIn: undefined });
    expect(await edit({ marketingOptIn: true })).toEqual(ADDRESS);
    expect(await statusOf()).toBe('SingleOptIn');
  });

  it.each(['staff', 'person'] as const)('after an opt-out by %s is not undone by a later yes', async (by) => {
    const { edit } = sync();
    await edit();
    await crm.admin.optOut(EMAIL, by);
    await edit({ marketingOptIn: false });
    await edit({ marketingOptIn: true });
    expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
    expect((await crm.admin.stats()).optOutsUndone).toEqual([]);
  });

  it('applies to both addresses when the email changes with it', async () => {
    await known('SingleOptIn', NEW_EMAIL);
    const { edit } = sync();
    await edit();
    await edit({ marketingOptIn: false, email: NEW_EMAIL });
    expect([await statusOf(), await statusOf(NEW_EMAIL)]).toEqual(['Manual', 'Manual']);
    expect(await edit()).toEqual({});
  });

  it('reaches the old address only, when the email changes later', async () => {
    const { edit } = sync();
    await edit();
    await edit({ marketingOptIn: false });
    await edit({ email: NEW_EMAIL });
    expect(await doneTo(NEW_EMAIL)).toEqual([]);
  });

  it('reaches the CRM although the user is rejected with it', async () => {
    const { edit, rejected } = sync();
    await edit();
    await edit({ marketingOptIn: false, email: 'nobody' });
    expect(rejected).toMatchObject([{ error: { reason: 'no-usable-email' } }]);
    expect(await statusOf()).toBe('Manual');
  });

  it('reaches the CRM although the user is rejected before the second address is', async () => {
    let isDown = true;
    const client: InfusionsoftClient = {
      ...crm.client,
      setOptIn: async (email, optedIn, reason) => {
        if (isDown && email === NEW_EMAIL) throw new RetryableError('down');
        return crm.client.setOptIn(email, optedIn, reason);
      },
    };
    const { edit } = sync(ANN, { client });
    await edit();
    await edit({ marketingOptIn: false, email: NEW_EMAIL });
    isDown = false;
    await edit({ email: 'nobody' });
    expect([await statusOf(), await statusOf(NEW_EMAIL)]).toEqual(['Manual', 'Manual']);
  });

  it.each(['mark', 'untag', 'leave', 'delete', 'anonymise'] as const)(
    'reaches the CRM although the user is deleted before the sync, with the policy %s',
    async (deletionPolicy) => {
      const { edit, users, receive } = sync(ANN, { deletionPolicy });
      await edit();
      const contactId = users.user('ann').crm?.contactId;
      users.rows.delete('ann');
      const changed = record(userMessage('ann', { cause: 'changed', withdrawn: true }));
      await receive(changed, record(userMessage('ann', { cause: 'deleted', contactId, withdrawn: true })));
      expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
    },
  );

  it('reaches the CRM although the app removes the crm map with it', async () => {
    const { edit, users } = sync();
    await edit();
    const contactId = users.user('ann').crm?.contactId;
    await edit({ marketingOptIn: false, crm: undefined }, { cause: 'resync', contactId, withdrawn: true });
    expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
    expect(await edit()).toEqual({});
  });

  it('reaches the CRM although the app removed the crm map before, when its value was unset', async () => {
    const { edit, users } = sync();
    await edit();
    const contactId = users.user('ann').crm?.contactId;
    await edit({ marketingOptIn: undefined, crm: undefined }, { cause: 'resync', contactId, optedIn: true });
    expect(await doneTo()).toEqual(['opt-in']);
    await edit({ marketingOptIn: false });
    expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
    expect(await edit()).toEqual({});
  });

  it.each<[string, Partial<User>, string[]]>([
    ['changes the email with it', { email: NEW_EMAIL }, ['opt-in', 'opt-out']],
    ['removes the email with it', { email: undefined } as Partial<User>, ['opt-in', 'opt-out']],
  ])(
    'reaches the address that was opted in although the app has removed the crm map and %s',
    async (_, changes, done) => {
      const { edit, users } = sync();
      await edit();
      const contactId = users.user('ann').crm?.contactId;
      await edit(
        { ...changes, marketingOptIn: false, crm: undefined },
        { cause: 'resync', contactId, optedIn: true, withdrawn: true },
      );
      expect(await doneTo()).toEqual(done);
    },
  );

  it('that has begun is finished although the app has removed the crm map, and says nothing any more', async () => {
    const { edit, users } = sync();
    await edit();
    const contactId = users.user('ann').crm?.contactId;
    await edit(
      { marketingOptIn: undefined, crm: undefined },
      { cause: 'resync', contactId, optedIn: true, withdrawn: true },
    );
    expect(await doneTo()).toEqual(['opt-in', 'opt-out']);
  });

  it('is not repeated because of an old message', async () => {
    const { edit } = sync();
    await edit();
    await edit({ marketingOptIn: false }, { withdrawn: true });
    await edit({ marketingOptIn: true }, { withdrawn: true });
    expect(await edit({}, { withdrawn: true })).toEqual({});
    expect(await doneTo()).toEqual(['opt-in', 'opt-out', 'opt-in']);
  });

  it('is repeated after a lost answer, and the later yes is not lost with it', async () => {
    let isLost = true;
    const client: InfusionsoftClient = {
      ...crm.client,
      setOptIn: async (email, optedIn, reason) => {
        if (isLost && !optedIn) throw new UncertainError('no answer');
        return crm.client.setOptIn(email, optedIn, reason);
      },
    };
    const { edit, retries } = sync(ANN, { client });
    await edit();
    await edit({ marketingOptIn: false });
    expect(retries).toHaveLength(1);
    isLost = false;
    expect(await edit()).toEqual({ 'GET /contacts/{id}': 1, ...ADDRESS });
    expect(await statusOf()).toBe('Manual');
    await edit({ marketingOptIn: true });
    expect(await statusOf()).toBe('SingleOptIn');
  });

  it('waits while the CRM does not know the address, and ends when it does not for a minute', async () => {
    const setOptIn = async () => {
      throw new NotFoundError('not found');
    };
    const first = sync();
    await first.edit();
    const { receive, retries } = consumerOf(crm, first.users, {
      client: { ...crm.client, setOptIn },
      now: () => clock,
    });
    first.users.edit('ann', { marketingOptIn: false });
    await receive(record(userMessage('ann')));
    expect(retries).toMatchObject([{ error: { afterMs: GONE_AFTER_MS } }]);
    clock += GONE_AFTER_MS;
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(first.consent()).toMatchObject({ step: 'withdrawn' });
  });

  it('that the CRM refuses is a dead letter', async () => {
    const setOptIn: InfusionsoftClient['setOptIn'] = async (email, optedIn, reason) => {
      if (!optedIn) throw new RejectedError('refused-by-crm', 'refused');
      return crm.client.setOptIn(email, optedIn, reason);
    };
    const { edit, rejected } = sync(ANN, { client: { ...crm.client, setOptIn } });
    await edit();
    await edit({ marketingOptIn: false });
    expect(rejected).toMatchObject([{ error: { reason: 'refused-by-crm' } }]);
  });
});

describe('a change of the email', () => {
  startCrmWithClock();

  it('while the app says yes opts in the new address', async () => {
    const { edit } = sync();
    await edit();
    const requests = await edit({ email: NEW_EMAIL });
    expect(requests).toMatchObject({ 'PATCH /contacts/{id}': 1, ...READ, ...ADDRESS });
    expect(await statusOf(NEW_EMAIL)).toBe('SingleOptIn');
  });

  it('while the app says yes does not opt in an address that shows an opt-out', async () => {
    const { edit } = sync();
    await edit();
    await known('SingleOptIn', NEW_EMAIL);
    await crm.admin.optOut(NEW_EMAIL, 'staff');
    await edit({ email: NEW_EMAIL });
    expect(await statusOf(NEW_EMAIL)).toBe('Manual');
  });

  it('in the case of its letters only is ignored', async () => {
    const { edit } = sync();
    await edit();
    expect(await edit({ email: 'Ann@Example.com' })).not.toHaveProperty('PUT /emailAddresses/{email}');
  });
});

/** Signs up a user who consents. The opt-in reaches the CRM, and its answer is lost. */
async function signUpWithLostAnswer() {
  let isLost = true;
  const client: InfusionsoftClient = {
    ...crm.client,
    setOptIn: async (...all) => {
      const isIn = await crm.client.setOptIn(...all);
      if (isLost) throw new UncertainError('no answer');
      return isIn;
    },
  };
  const { edit } = sync(ANN, { client });
  await edit();
  isLost = false;
  return edit;
}

describe('an opt-in', () => {
  startCrmWithClock();

  it('whose answer is lost is not sent again over an opt-out that staff made since', async () => {
    const edit = await signUpWithLostAnswer();
    await crm.admin.optOut(EMAIL, 'staff');
    await edit();
    expect(await statusOf()).toBe('Manual');
    expect((await crm.admin.stats()).optOutsUndone).toEqual([]);
  });

  it('that was not sent is sent by the next sync, also after a withdrawal by the sync', async () => {
    let isDown = false;
    const client: InfusionsoftClient = {
      ...crm.client,
      setOptIn: async (...all) => {
        if (isDown) throw new RetryableError('not sent');
        return crm.client.setOptIn(...all);
      },
    };
    const { edit } = sync(ANN, { client });
    await edit();
    await edit({ marketingOptIn: false });
    isDown = true;
    await edit({ marketingOptIn: true });
    isDown = false;
    expect(await edit()).toEqual(ADDRESS);
    expect(await statusOf()).toBe('SingleOptIn');
  });

  it('that the CRM refuses does not reject the user', async () => {
    const setOptIn = async () => {
      throw new RejectedError('refused-by-crm', 'refused');
    };
    const { edit, rejected, outcomes } = sync(ANN, { client: { ...crm.client, setOptIn } });
    await edit();
    expect([rejected, outcomes]).toEqual([[], ['synced']]);
    expect(await edit()).toEqual({});
  });

  it('is withdrawn although its answer was lost', async () => {
    const edit = await signUpWithLostAnswer();
    await edit({ marketingOptIn: false });
    expect(await statusOf()).toBe('Manual');
  });
});

describe('a CRM', () => {
  startCrmWithClock();

  it('may give a withdrawn address another status', async () => {
    await crm.admin.set('consent', { withdrawnStatus: 'Admin' });
    const { edit } = sync();
    await edit();
    await edit({ marketingOptIn: false });
    expect(await statusOf()).toBe('Admin');
    expect(await edit({ marketingOptIn: true })).toEqual(ADDRESS);
    expect(await edit()).toEqual({});
  });
});

describe('the steps of a consent', () => {
  const address = hashAddress(EMAIL);
  const other = hashAddress(NEW_EMAIL);
  const at = (ms: number) => new Date(NOW + ms).toISOString();
  const GIVEN: ConsentRecord = { step: 'given', address };
  const shows = (email: string | null, status?: string): Contact => ({
    id: 5,
    email_addresses: [
      { field: 'EMAIL2', email: 'bob@example.com' },
      { field: 'EMAIL1', email },
    ],
    ...(status && { email_status: status }),
  });

  /** @param read the contact that is read; undefined if the CRM does not know it. @param answer of the CRM to an opt-in or opt-out. */
  function worldOf(read: Contact | undefined, answer: boolean | Error = true) {
    const requests: unknown[][] = [];
    const states: CrmState[] = [];
    const saved: CrmState[] = [];
    const warnings: string[] = [];
    const recorder = {
      async save(state: CrmState) {
        saved.push(state);
        return { ...state, revision: 2 };
      },
      state: (state: CrmState) => void states.push(state),
      warning: ({ problem }: { problem: string }) => void warnings.push(problem),
    };
    const client = {
      async readContact(contactId: number) {
        requests.push(['read', contactId]);
        if (!read) throw new NotFoundError('gone');
        return read;
      },
      async setOptIn(email: string, optedIn: boolean) {
        requests.push([optedIn ? 'opt-in' : 'opt-out', email]);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
    return {
      seen: { requests, states, saved, warnings },
      recorder,
      dependencies: { client, mapping, now: () => NOW },
    };
  }
  const desired = (consent: boolean | undefined, email: string | undefined = EMAIL) => ({
    consent,
    fields: email === '' ? {} : { EMAIL1: email },
    tags: [],
    warnings: [],
  });
  const NOT_FOUND = new NotFoundError('unknown');
  const WAITS = { name: 'RetryableError', afterMs: GONE_AFTER_MS };
  const OLD = at(-GONE_AFTER_MS);

  describe('before the contact is written', () => {
    async function withdraw(
      consent: ConsentRecord | undefined,
      {
        email = EMAIL,
        contactId = 5,
        read,
        answer,
      }: { email?: string; contactId?: number | undefined; read?: Contact; answer?: Error } = {},
    ) {
      const { seen, recorder, dependencies } = worldOf(read, answer);
      const state: CrmState = { ...(contactId && { contactId }), ...(consent && { consent }) };
      const result = await withdrawConsent(state, desired(false, email), recorder, dependencies).catch(
        (error: unknown) => error,
      );
      return { result, ...seen, last: seen.states.at(-1) };
    }

    it('nothing is done without a consent that was carried out', async () => {
      expect(await withdraw(undefined)).toMatchObject({ result: { contactId: 5 }, requests: [], states: [] });
    });

    it('the address that the contact shows is opted out, and the state says so before and after', async () => {
      const { result, requests, saved, states } = await withdraw(GIVEN, { read: shows(EMAIL) });
      expect(requests).toEqual([
        ['read', 5],
        ['opt-out', EMAIL],
      ]);
      expect(saved).toMatchObject([{ contactId: 5, consent: { step: 'withdrawing', address, at: at(0) } }]);
      expect(states).toMatchObject([
        { revision: 2, consent: { step: 'withdrawing' } },
        { revision: 2, consent: { step: 'withdrawn' } },
      ]);
      expect(result).toEqual(states[1]);
    });

    it('an address that is due waits for the contact to show it, and one of another email does not', async () => {
      const due: ConsentRecord = { step: 'due', address };
      expect(await withdraw(due)).toMatchObject({ result: { consent: due }, requests: [], states: [] });
      const moved = await withdraw(due, { email: NEW_EMAIL, read: shows(EMAIL) });
      expect(moved.requests).toEqual([
        ['read', 5],
        ['opt-out', EMAIL],
      ]);
    });

    it('an address that is about to be replaced is opted out, and then the new one is due', async () => {
      const { result, requests } = await withdraw(GIVEN, {
        email: NEW_EMAIL,
        read: shows('Ann@Example.com'),
      });
      expect(requests).toEqual([
        ['read', 5],
        ['opt-out', 'Ann@Example.com'],
      ]);
      expect(result).toMatchObject({ consent: { step: 'due', address: other } });
    });

    it.each<[string, Contact | undefined, number | undefined, unknown[][]]>([
      ['the contact shows another', shows('eve@example.com'), 5, [['read', 5]]],
      ['the contact shows none', { id: 5 }, 5, [['read', 5]]],
      ['there is no contact', undefined, 0, []],
    ])('an address is left alone if %s', async (_, read, contactId, requests) => {
      const done = await withdraw(GIVEN, { email: NEW_EMAIL, contactId, ...(read && { read }) });
      expect(done).toMatchObject({
        requests,
        saved: [],
        result: { consent: { step: 'due', address: other } },
      });
      expect(done.states).toEqual([done.result]);
    });

    it('a contact that the CRM does not know is waited for, for a minute', async () => {
      const waiting = await withdraw(GIVEN, { email: NEW_EMAIL });
      expect(waiting.result).toMatchObject(WAITS);
      expect(waiting.states).toEqual([
        { contactId: 5, consent: { step: 'withdrawing', address, at: at(0) } },
      ]);
      const gone = await withdraw({ step: 'withdrawing', address, at: OLD }, { email: NEW_EMAIL });
      expect(gone.result).toMatchObject({ consent: { step: 'due', address: other } });
    });

    it('an address that the CRM does not know is due again with the next contact, if there is none', async () => {
      const old: ConsentRecord = { step: 'withdrawing', address, at: OLD };
      const options = { answer: NOT_FOUND };
      expect((await withdraw(GIVEN, { ...options, contactId: 0 })).result).toMatchObject(WAITS);
      const none = await withdraw(old, { ...options, contactId: 0 });
      expect(none.result).toMatchObject({ revision: 2, consent: { step: 'due', address } });
      expect(none.last).toEqual(none.result);
      expect((await withdraw(old, { ...options, read: shows(EMAIL) })).result).toMatchObject({
        consent: { step: 'withdrawn' },
      });
      expect((await withdraw(GIVEN, { contactId: 0 })).result).toMatchObject({
        consent: { step: 'withdrawn' },
      });
    });

    it('other failures are thrown', async () => {
      const down = new RetryableError('down');
      expect((await withdraw({ step: 'withdrawing', address, at: OLD }, { answer: down })).result).toBe(down);
    });
  });

  describe('after the contact is written', () => {
    async function carryOut(
      app: boolean | undefined,
      {
        consent,
        answer,
        read,
        reply,
        email,
      }: {
        consent?: ConsentRecord;
        answer?: Contact;
        read?: Contact;
        reply?: boolean | Error;
        email?: string;
      } = {},
    ) {
      const { seen, recorder, dependencies } = worldOf(read, reply);
      const state: CrmState = { contactId: 5, ...(consent && { consent }) };
      const contact = { contactId: 5, answer };
      const result = await carryOutConsent(contact, state, desired(app, email), recorder, dependencies).catch(
        (error: unknown) => error,
      );
      return { result, ...seen, last: seen.states.at(-1) };
    }
    const given = { contactId: 5, consent: GIVEN };
    const NEW = shows(EMAIL, 'NonMarketable');

    it('nothing is done without an email, or without a value of the app', async () => {
      expect(await carryOut(true, { email: '' })).toMatchObject({
        result: { contactId: 5 },
        requests: [],
        states: [],
      });
      expect(await carryOut(undefined, { answer: NEW })).toMatchObject({
        result: { contactId: 5 },
        requests: [],
      });
    });

    it('an address without an opt-out is opted in, and the state says so before and after', async () => {
      const { result, requests, saved, states, warnings } = await carryOut(true, { answer: NEW });
      expect({ requests, warnings }).toEqual({ requests: [['opt-in', EMAIL]], warnings: [] });
      expect(saved).toMatchObject([{ consent: { step: 'giving', address, at: at(0) } }]);
      expect(states).toEqual([
        { ...saved[0], revision: 2 },
        { ...given, revision: 2 },
      ]);
      expect(result).toEqual(states[1]);
    });

    it.each<[string, Parameters<typeof carryOut>[1], unknown[][], string[]]>([
      ['is opted in', { answer: shows(EMAIL, 'SingleOptIn') }, [], []],
      [
        'shows an opt-out',
        { answer: shows(EMAIL, 'Manual') },
        [],
        ['the CRM shows an opt-out of the address'],
      ],
      [
        'shows no status',
        { answer: shows(EMAIL), read: shows(EMAIL) },
        [['read', 5]],
        ['the CRM does not show the status of the address'],
      ],
      [
        'is not that of the answer',
        { answer: shows('eve@example.com', 'Manual'), read: shows('eve@example.com', 'Manual') },
        [['read', 5]],
        ['the CRM does not show the status of the address'],
      ],
      [
        'is not shown',
        { answer: { id: 5 }, read: { id: 5, email_addresses: [] } },
        [['read', 5]],
        ['the CRM does not show the status of the address'],
      ],
    ])('an address that %s is not opted in', async (_, world, requests, warnings) => {
      const done = await carryOut(true, world);
      expect(done).toMatchObject({ result: given, requests, saved: [] });
      expect(done.states).toEqual([given]);
      expect(done.warnings).toEqual(warnings.map((problem) => `no opt-in: ${problem}`));
    });

    it('a contact that was not written, and shows another email, was changed by others', async () => {
      expect(await carryOut(true, { read: shows('eve@example.com') })).toMatchObject({
        result: 'changed',
        states: [],
      });
      expect((await carryOut(true, { read: shows(EMAIL, 'Manual') })).result).toEqual(given);
      expect((await carryOut(true, { read: shows(null) })).result).toEqual(given);
    });

    it.each<[string, boolean | Error, string[]]>([
      ['keeps its opt-out', false, ['no opt-in: the CRM keeps its opt-out of the address']],
      ['refuses it', new RejectedError('refused-by-crm', 'no'), ['no opt-in: the CRM refused it']],
    ])('an opt-in is left out if the CRM %s', async (_, reply, warnings) => {
      expect(await carryOut(true, { answer: NEW, reply })).toMatchObject({ result: given, warnings });
    });

    it('an opt-in of an address that the CRM does not know is waited for, for a minute', async () => {
      const waiting = await carryOut(true, { answer: NEW, reply: NOT_FOUND });
      expect(waiting.result).toMatchObject(WAITS);
      expect(waiting.last).toMatchObject({ consent: { step: 'giving' } });
      const consent: ConsentRecord = { step: 'giving', address, at: OLD };
      expect(await carryOut(true, { consent, answer: NEW, read: NEW, reply: NOT_FOUND })).toMatchObject({
        result: given,
        warnings: ['no opt-in: the CRM does not know the address'],
      });
    });

    it('an opt-in without an effect leaves the state as it was; without an answer, it does not', async () => {
      const down = new RetryableError('down');
      const failed = await carryOut(true, { answer: NEW, reply: down });
      expect(failed).toMatchObject({ result: down, last: { contactId: 5, revision: 2 } });
      expect(failed.last).not.toHaveProperty('consent');
      const consent: ConsentRecord = { step: 'withdrawn', address };
      expect((await carryOut(true, { consent, answer: NEW, reply: down })).last?.consent).toEqual(consent);
      const uncertain = await carryOut(true, { answer: NEW, reply: new UncertainError('no answer') });
      expect(uncertain.last).toMatchObject({ consent: { step: 'giving' } });
    });

    it('an address that is due is opted out, also if the email has changed again; not if the app says yes', async () => {
      for (const due of [address, other]) {
        const consent: ConsentRecord = { step: 'due', address: due };
        const done = await carryOut(false, { consent, answer: NEW, read: NEW });
        expect(done.requests).toContainEqual(['opt-out', EMAIL]);
        expect(done.saved).toMatchObject([{ consent: { step: 'withdrawing', address } }]);
        expect(done.result).toMatchObject({ consent: { step: 'withdrawn', address } });
      }
      const again = await carryOut(true, { consent: { step: 'due', address }, answer: NEW, read: NEW });
      expect(again.requests).not.toContainEqual(['opt-out', EMAIL]);
    });
  });
});
