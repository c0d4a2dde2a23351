import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConsentRecord,
  type ConsentSituation,
  consentAfterWithdrawal,
  consentBefore,
  consentGiven,
  consentRequests,
  decideConsent,
  hashAddress,
  isConsentDone,
  isWithdrawalOpen,
  shownByStatus,
  TRANSITIONS,
  transitionOf,
} from '../../../shared/sync/consent.ts';
import {
  EMAIL_STATUSES,
  EmailAddresses,
  isOptedOutByOthers,
} from '../../simulator/account/email-addresses.ts';

const [A, B] = [hashAddress('ann@example.com'), hashAddress('ann@home.example')];
const AT = '2026-06-15T12:00:00.000Z';
const RECORDS: Readonly<Record<string, ConsentRecord | undefined>> = {
  nothing: undefined,
  given: { step: 'given', address: A },
  giving: { step: 'giving', address: A, at: AT },
  due: { step: 'due', address: A },
  withdrawing: { step: 'withdrawing', address: A, at: AT, isOwn: true },
  withdrawn: { step: 'withdrawn', address: A, isOwn: true },
  'kept-out': { step: 'withdrawn', address: A },
};
const SAYS = { yes: true, no: false, unset: undefined } as const;

describe('what to do about consent', () => {
  it.each(
    // [the app says, the last step, whether the email is the same, what the CRM shows, what follows]
    [
      ['yes', 'nothing', 'same', 'unread', 'read'],
      ['yes', 'nothing', 'same', 'not-opted-in', 'opt-in'],
      ['yes', 'nothing', 'same', 'opted-in', 'record'],
      ['yes', 'nothing', 'same', 'opted-out', 'record'],
      ['yes', 'nothing', 'same', 'unknown', 'record'],
      ['yes', 'given', 'same', 'unread', 'nothing'],
      ['yes', 'given', 'same', 'opted-out', 'nothing'],
      ['yes', 'given', 'other', 'unread', 'read'],
      ['yes', 'given', 'other', 'not-opted-in', 'opt-in'],
      ['yes', 'given', 'other', 'opted-out', 'record'],
      ['yes', 'giving', 'same', 'unread', 'read'],
      ['yes', 'giving', 'same', 'not-opted-in', 'opt-in'],
      ['yes', 'giving', 'same', 'opted-out', 'record'],
      ['yes', 'withdrawn', 'same', 'unread', 'opt-in'],
      ['yes', 'withdrawn', 'other', 'unread', 'read'],
      ['yes', 'withdrawn', 'other', 'opted-out', 'record'],
      ['yes', 'kept-out', 'same', 'unread', 'read'],
      ['yes', 'kept-out', 'same', 'opted-out', 'record'],
      ['yes', 'withdrawing', 'same', 'unread', 'read'],
      ['yes', 'withdrawing', 'same', 'opted-out', 'record'],
      ['yes', 'due', 'same', 'not-opted-in', 'opt-in'],
      ['no', 'nothing', 'same', 'unread', 'nothing'],
      ['no', 'given', 'same', 'unread', 'read'],
      ['no', 'given', 'same', 'opted-in', 'withdraw'],
      ['no', 'given', 'same', 'opted-out', 'withdraw'],
      ['no', 'given', 'same', 'unknown', 'withdraw'],
      ['no', 'given', 'other', 'unread', 'read'],
      ['no', 'given', 'other', 'opted-in', 'withdraw'],
      ['no', 'giving', 'same', 'opted-in', 'withdraw'],
      ['no', 'due', 'same', 'unread', 'read'],
      ['no', 'due', 'same', 'not-opted-in', 'withdraw'],
      ['no', 'withdrawing', 'same', 'unread', 'read'],
      ['no', 'withdrawing', 'same', 'opted-out', 'withdraw'],
      ['no', 'withdrawn', 'same', 'unread', 'nothing'],
      ['no', 'withdrawn', 'other', 'unread', 'nothing'],
      ['no', 'kept-out', 'same', 'unread', 'nothing'],
      ['unset', 'nothing', 'same', 'unread', 'nothing'],
      ['unset', 'given', 'same', 'unread', 'nothing'],
      ['unset', 'given', 'other', 'unread', 'nothing'],
      ['unset', 'giving', 'same', 'unread', 'nothing'],
      ['unset', 'withdrawn', 'same', 'unread', 'nothing'],
      ['unset', 'withdrawing', 'same', 'opted-in', 'withdraw'],
      ['unset', 'due', 'same', 'not-opted-in', 'withdraw'],
    ] as const,
  )(
    'the app says %s after %s, the email is the %s, the CRM shows %s: %s',
    (app, last, which, shown, action) => {
      const address = which === 'same' ? A : B;
      expect(decideConsent({ app: SAYS[app], address, record: RECORDS[last], shown })).toBe(action);
    },
  );

  it('is decided in every situation, and each row of the table decides some', () => {
    const deciding = new Set<unknown>();
    for (const app of Object.values(SAYS))
      for (const record of Object.values(RECORDS))
        for (const address of [A, B, undefined])
          for (const shown of ['opted-in', 'not-opted-in', 'opted-out', 'unknown', 'unread'] as const) {
            const row = transitionOf({ app, address, record, shown });
            // What was read is not read again.
            if (shown !== 'unread') expect(row.action).not.toBe('read');
            deciding.add(row);
          }
    expect(deciding.size).toBe(TRANSITIONS.length);
  });
});

it.each([
  ['SingleOptIn', 'opted-in'],
  ['DoubleOptin', 'opted-in'],
  ['Confirmed', 'opted-in'],
  ['UnengagedMarketable', 'not-opted-in'],
  ['UnengagedNonMarketable', 'not-opted-in'],
  ['NonMarketable', 'not-opted-in'],
  ['Manual', 'opted-out'],
  ['ListUnsubscribe', 'opted-out'],
  ['HardBounce', 'opted-out'],
  ['a name that the vendor adds', 'opted-out'],
  ['', 'unknown'],
  [null, 'unknown'],
  [undefined, 'unknown'],
] as const)('the status %s means %s', (status, shown) => {
  expect(shownByStatus(status)).toBe(shown);
});

it('addresses are the same in any case', () => {
  expect(hashAddress('Ann@Example.com ')).toBe(A);
});

it.each([
  ['the first yes of a contact that is written', true, undefined, true, 1],
  ['the first yes of a contact that is not written', true, undefined, false, 2],
  ['a yes after an own withdrawal', true, RECORDS['withdrawn'], true, 1],
  ['an own withdrawal to undo, of a contact that is not written', true, RECORDS['withdrawn'], false, 1],
  ['a withdrawal', false, RECORDS['given'], true, 2],
  ['a withdrawal that has begun', false, RECORDS['withdrawing'], false, 2],
  ['no change', true, RECORDS['given'], false, 0],
  ['an unset value', undefined, undefined, true, 0],
] as const)('%s costs at most so many requests', (_, app, record, isWritten, requests) => {
  expect(consentRequests({ app, address: A, record }, isWritten)).toBe(requests);
});

it.each([
  ['yes', 'given', true],
  ['yes', 'nothing', false],
  ['yes', 'withdrawn', false],
  ['no', 'nothing', true],
  ['no', 'given', false],
  ['no', 'withdrawn', true],
  ['unset', 'given', true],
  ['unset', 'withdrawing', false],
] as const)('when the app says %s after %s, nothing has to be requested: %s', (app, last, isDone) => {
  expect(isConsentDone({ app: SAYS[app], address: A, record: RECORDS[last] })).toBe(isDone);
});

it('a consent for another address has to be requested', () => {
  expect(isConsentDone({ app: true, address: B, record: RECORDS['given'] })).toBe(false);
});

it.each(
  // [the last step, whether a withdrawal is open when the app says yes, no, nothing]
  [
    ['nothing', false, false, false],
    ['given', false, true, false],
    ['giving', false, true, false],
    ['due', false, true, true],
    ['withdrawing', false, true, true],
    ['withdrawn', false, false, false],
    ['kept-out', false, false, false],
  ] as const,
)('after %s, a withdrawal is open: %s for a yes, %s for a no, %s for neither', (last, ...open) => {
  expect([true, false, undefined].map((app) => isWithdrawalOpen(app, RECORDS[last]))).toEqual(open);
});

describe('the record before a request', () => {
  const NOW = Date.parse('2026-06-16T12:00:00Z');
  const TODAY = '2026-06-16T12:00:00.000Z';

  it('names the address that is opted in', () => {
    const record = consentBefore('opt-in', { record: undefined, shown: 'not-opted-in' }, A, NOW);
    expect(record).toEqual({ step: 'giving', address: A, at: TODAY });
  });

  it.each([
    ['opted-in', true],
    ['not-opted-in', true],
    ['opted-out', undefined],
    ['unknown', undefined],
    ['unread', undefined],
  ] as const)('of a withdrawal of an address that is %s says whose the opt-out will be', (shown, isOwn) => {
    const record = consentBefore('withdraw', { record: RECORDS['given'], shown }, A, NOW);
    expect(record).toEqual({ step: 'withdrawing', address: A, at: TODAY, isOwn });
  });

  it.each(
    // [the last step, when the request for the same address and for another one began]
    [
      ['nothing', TODAY, TODAY],
      ['given', TODAY, TODAY],
      ['due', TODAY, TODAY],
      ['withdrawn', TODAY, TODAY],
      ['giving', AT, TODAY],
      ['withdrawing', AT, TODAY],
    ] as const,
  )('after %s keeps the time at which a request began that may have been lost', (last, same, other) => {
    const given = RECORDS[last];
    // A time on the record of another step is of no use.
    const record = given && { ...given, at: AT };
    for (const action of ['opt-in', 'withdraw'] as const) {
      expect(consentBefore(action, { record, shown: 'unread' }, A, NOW).at).toBe(same);
      expect(consentBefore(action, { record, shown: 'unread' }, B, NOW).at).toBe(other);
    }
  });

  it('has the time of this request if that of the earlier one is not known', () => {
    const record: ConsentRecord = { step: 'withdrawing', address: A };
    expect(consentBefore('withdraw', { record, shown: 'unread' }, A, NOW).at).toBe(TODAY);
  });
});

describe('the record after a withdrawal', () => {
  const own: ConsentRecord = { step: 'withdrawing', address: A, at: AT, isOwn: true };
  const ofOthers: ConsentRecord = { step: 'withdrawing', address: A, at: AT };

  it.each([
    ['the same address', own, A, { step: 'withdrawn', address: A, isOwn: true }],
    ['the same address, which others opted out', ofOthers, A, { step: 'withdrawn', address: A }],
    ['no usable email', own, undefined, { step: 'withdrawn', address: A, isOwn: true }],
    ['another address, which is next', own, B, { step: 'due', address: B }],
  ])('of a user with %s', (_, before, address, after) => {
    expect(consentAfterWithdrawal(before, address)).toEqual(after);
  });
});

/** The CRM, the row and the app of one user, as the sync takes the steps of the core. */
class Life {
  readonly crm = new EmailAddresses({ statusOfAddress: true });
  app: boolean | undefined;
  email = 'ann@example.com';
  /** The address that the user's contact shows. */
  shownEmail: string | undefined;
  record: ConsentRecord | undefined;
  requests = 0;

  /** One sync. `dies`: the environment is killed after so many steps. `isLost`: and its request never reached the CRM. */
  sync(dies = Number.POSITIVE_INFINITY, isLost = false): void {
    let steps = dies;
    const address = hashAddress(this.email);
    if (
      isWithdrawalOpen(this.app, this.record) &&
      !(this.record?.step === 'due' && this.record.address === address)
    ) {
      const text = this.record?.address === address ? this.email : this.shownEmail;
      if (!this.#carryOut({ address: this.record?.address, text, next: address }, () => --steps < 0, isLost))
        return;
    }
    if (--steps < 0) return;
    this.shownEmail = this.email;
    if (this.record?.step === 'due' && this.app !== true) this.record = { step: 'due', address };
    this.#carryOut({ address, text: this.email, next: address }, () => --steps < 0, isLost);
  }

  /** @returns whether the environment still lives. */
  #carryOut(
    { address, text, next }: { address: string | undefined; text: string | undefined; next: string },
    dies: () => boolean,
    isLost: boolean,
  ): boolean {
    const { app, record } = this;
    if (address === undefined || text === undefined || hashAddress(text) !== address) {
      if (record) this.record = consentAfterWithdrawal(record, next);
      return true;
    }
    const decide = (shown: ConsentSituation['shown']) => decideConsent({ app, address: next, record, shown });
    let shown: ConsentSituation['shown'] = 'unread';
    let action = decide(shown);
    if (action === 'read') {
      shown = shownByStatus(this.crm.statusOf(text));
      action = decide(shown);
      this.requests++;
    }
    if (action === 'nothing') return true;
    if (action === 'record') {
      this.record = consentGiven(address);
      return true;
    }
    const before = consentBefore(
      action === 'withdraw' ? 'withdraw' : 'opt-in',
      { record, shown },
      address,
      0,
    );
    this.record = before;
    if (dies()) {
      if (isLost) return false;
      this.#request(action, text);
      return false;
    }
    this.#request(action, text);
    if (dies()) return false;
    this.record = action === 'withdraw' ? consentAfterWithdrawal(before, next) : consentGiven(address);
    return true;
  }

  #request(action: string, text: string): void {
    this.requests++;
    if (action === 'withdraw') this.crm.withdraw(text);
    else this.crm.optIn(text);
  }

  /** Syncs until nothing is left to do. */
  settle(): void {
    for (let run = 0; run < 3; run++) this.sync();
  }
}

type Step =
  | { kind: 'app'; app: boolean | undefined }
  | { kind: 'email'; email: string }
  | { kind: 'opt-out'; by: 'staff' | 'person' }
  | { kind: 'sync'; dies: number; isLost: boolean };

const steps = (): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('app' as const),
        app: fc.constantFrom(true, true, false, false, undefined),
      }),
      fc.record({
        kind: fc.constant('email' as const),
        email: fc.constantFrom('ann@example.com', 'ann@home.example'),
      }),
      fc.record({
        kind: fc.constant('opt-out' as const),
        by: fc.constantFrom('staff' as const, 'person' as const),
      }),
      fc.record({
        kind: fc.constant('sync' as const),
        dies: fc.constantFrom(0, 1, 2, 3, 99, 99, 99, 99),
        isLost: fc.boolean(),
      }),
    ),
    { minLength: 5, maxLength: 25, size: 'max' },
  );

function play(life: Life, step: Step): void {
  if (step.kind === 'app') life.app = step.app;
  if (step.kind === 'email') life.email = step.email;
  if (step.kind === 'opt-out')
    life.crm.set(life.email, step.by === 'staff' ? 'Manual' : 'ListUnsubscribe', step.by);
  if (step.kind === 'sync') life.sync(step.dies, step.isLost);
}

const isOut = (life: Life, email = life.email): boolean =>
  shownByStatus(life.crm.statusOf(email)) === 'opted-out';

describe('whatever happens, and wherever an environment dies', () => {
  const always = (check: (life: Life) => void, numRuns = 3000) =>
    fc.assert(
      fc.property(steps(), fc.constantFrom(...EMAIL_STATUSES), (history, status) => {
        const life = new Life();
        life.crm.set('ann@home.example', status, 'staff');
        for (const step of history) play(life, step);
        life.settle();
        check(life);
      }),
      { numRuns },
    );

  it('an opt-out that was made in the CRM is never undone', () => {
    always((life) => expect(life.crm.undone).toEqual([]));
  });

  it('a withdrawal reaches the CRM', () => {
    always((life) => {
      if (life.record?.step === 'given') {
        life.app = false;
        life.settle();
        expect(isOut(life)).toBe(true);
        expect(life.crm.get(life.email).events.at(-1)).toMatchObject({ by: 'client', what: 'opt-out' });
      }
    });
  });

  it('a withdrawal reaches both addresses when the email changes with it', () => {
    always((life) => {
      if (life.record?.step !== 'given' || life.record.address !== hashAddress(life.email)) return;
      const before = life.email;
      life.app = false;
      life.email = before === 'ann@example.com' ? 'ann@home.example' : 'ann@example.com';
      life.settle();
      expect([isOut(life, before), isOut(life)]).toEqual([true, true]);
    });
  });

  it('no is never left without a withdrawal, and yes never without an opt-in, unless there is an opt-out', () => {
    always((life) => {
      if (life.app === false) expect(isWithdrawalOpen(life.app, life.record)).toBe(false);
      const shown = shownByStatus(life.crm.statusOf(life.email));
      if (life.app === true) expect(shown).not.toBe('not-opted-in');
    });
  });

  it('nothing is requested without a change', () => {
    always((life) => {
      const { requests } = life;
      life.settle();
      expect(life.requests).toBe(requests);
    });
  });

  it('a value that was never set requests nothing', () => {
    fc.assert(
      fc.property(steps(), (history) => {
        const life = new Life();
        for (const step of history) if (step.kind !== 'app') play(life, step);
        life.settle();
        expect(life.requests).toBe(0);
      }),
    );
  });
});

it('an address that the sync withdrew is opted in again when the app says yes', () => {
  const life = new Life();
  for (const app of [true, false, undefined, true]) {
    life.app = app;
    life.sync();
  }
  expect(life.crm.statusOf(life.email)).toBe('SingleOptIn');
  expect(life.crm.get(life.email).events.map(({ what }) => what)).toEqual(['opt-in', 'opt-out', 'opt-in']);
});

it('an address that staff opted out before the withdrawal stays opted out', () => {
  const life = new Life();
  life.app = true;
  life.sync();
  life.crm.set(life.email, 'Manual', 'staff');
  for (const app of [false, true]) {
    life.app = app;
    life.sync();
  }
  expect(life.crm.statusOf(life.email)).toBe('Manual');
  expect(isOptedOutByOthers(life.crm.get(life.email))).toBe(true);
});

it('an opt-out by staff is not undone after a withdrawal whose request never arrived', () => {
  const life = new Life();
  life.app = true;
  life.sync();
  life.app = false;
  life.sync(0, true);
  life.crm.set(life.email, 'Manual', 'staff');
  life.sync();
  life.app = true;
  life.settle();
  expect(life.crm.undone).toEqual([]);
  expect(isOut(life)).toBe(true);
});
