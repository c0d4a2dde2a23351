import { MAX_HIDDEN_MS } from '../../shared/quota/retry-policy.ts';
import { userMessage } from '../../shared/sync/message.ts';
import type { StoredContact } from '../simulator/account/contact-store.ts';
import { FAULT_KINDS, type FaultKind } from './crm.ts';
import { type Item, USERS, type World } from './world.ts';

/** What the placeholders of an action stand for. The first value of each is the simplest. */
const VALUES = {
  user: USERS,
  other: USERS,
  email: ['one@example.com', 'two@example.com', 'three@example.com', 'four@example.com', 'five@example.com'],
  attribute: ['name', 'phone', 'week', 'subscription'],
  consent: ['consents to marketing', 'withdraws the consent', 'is not asked for consent'],
  party: ['staff', 'the person'],
  item: ['an older crm map', 'its first crm map', 'no crm map'],
  keeps: ['its own values', 'the values of the other'],
  ordinal: ['next', 'second', 'third', 'fourth', 'fifth', 'sixth'],
  request: ['request', 'write'],
  fault: FAULT_KINDS,
  calls: ['1', '2', '3', '5', '8', '13', '21', '34'],
  /** Shorter than it takes until the sync believes that a contact is gone (`GONE_AFTER_MS`). */
  spell: ['5 s', '30 s', '50 s'],
  time: ['1 s', '5 s', '20 s', '70 s', '200 s', '1200 s'],
} as const;
type Placeholder = keyof typeof VALUES;

/** What a history has to remember besides its world. */
export class Script {
  readonly world: World;
  /** Users whose contact was deleted or merged by hand, which the sync does not notice by itself. */
  readonly touched = new Set<string>();
  /**
   * How often a user may have lost its contact: it was deleted or merged away, or names another user since a merge. The sync cannot tell a
   * deletion from a merge, and finds the contact that has the values only while that one shows the user's email.
   */
  readonly losses = new Map<string, number>();
  /** Users who have left the app and asked for erasure, with the contacts that named them at that time. */
  readonly forgotten = new Map<string, readonly number[]>();
  /** Contacts of no user into which a user's contact was merged, by id. The value is the user whose id the contact shows, if any. */
  readonly mergedAway = new Map<number, string | undefined>();
  /** Users whose item lost its `crm` map, or got another one, after a merge of {@link mergedAway}: nothing leads to that contact. */
  readonly uninformed = new Set<string>();
  /** Users who have ever asked for erasure. */
  readonly everForgotten = new Set<string>();
  /** Contacts of deleted users that the sync has lost with its table: an operator has to name them. */
  readonly withoutRecord = new Set<number>();
  /** Users who have been without an email at some time. */
  readonly withoutEmail = new Set<string>();
  /** Emails with which a user has said yes to marketing since the last sign-up, by user. */
  readonly saidYes = new Map<string, Set<string>>();
  /** Emails that others opted out while a sync was working on their user, perhaps between its read of the status and its opt-in. */
  readonly optedOutMeanwhile = new Set<string>();
  /** When the next spell of 404s may begin, in epoch milliseconds. */
  nextSpellAt = 0;
  /** Whether the sync has lost its table. */
  hasLostTable = false;
  /** Items that the app has read, by user. */
  readonly read = new Map<string, Item>();
  #last = 0;

  constructor(world: World) {
    this.world = world;
  }

  countLoss(userId: string): void {
    // A user who has got a contact of its own because of a conflict has had what a user gets after the first loss.
    const count = this.world.item(userId)?.crm?.separated ? 2 : 1;
    this.losses.set(userId, (this.losses.get(userId) ?? 0) + count);
  }

  /** A number that no other edit has. */
  number(): number {
    return ++this.#last;
  }
}

interface Action {
  /** The text of its steps, with placeholders. */
  text: string;
  /** How often it is drawn. */
  weight: number;
  /** Does nothing where it makes no sense, for example for a user who does not exist. */
  run(script: Script, values: Readonly<Record<Placeholder, string>>): unknown;
}

const STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;
const nameOf = (userId: string, number: number) => `${userId} the ${number}th`;
const phoneOf = (number: number) => `+1212555${1000 + number}`;

function signUp(script: Script, userId: string, email: string): void {
  if (script.world.item(userId)) return;
  const number = script.number();
  script.forgotten.delete(userId);
  script.uninformed.add(userId);
  // A new account has its own consent.
  script.saidYes.delete(userId);
  script.world.put({
    userId,
    email,
    firstName: nameOf(userId, number),
    // People of one family are easily taken for one person. Some users have no number.
    lastName: 'Lee',
    ...(userId !== 'cem' && { phone: phoneOf(number) }),
    subscription: { status: 'trial' },
    progress: { program: 'Strength', week: 1, workoutsCompleted: 0 },
  });
}

function edit(script: Script, userId: string, attribute: string): void {
  const { world } = script;
  const item = world.item(userId);
  const number = script.number();
  const changes: Record<string, Partial<Item>> = {
    name: { firstName: nameOf(userId, number) },
    phone: { phone: item?.['phone'] === undefined ? phoneOf(number) : undefined },
    week: { progress: { program: 'Strength', week: 1 + (number % 12) } },
    subscription: { subscription: { status: STATUSES[number % STATUSES.length] } },
  };
  world.edit(userId, changes[attribute] ?? {});
}

/** A change that only makes the sync look at a user. */
export function editHarmlessly(script: Script, userId: string): void {
  const progress = script.world.item(userId)?.['progress'] as object | undefined;
  script.world.edit(userId, { progress: { ...progress, workoutsCompleted: script.number() } });
}

function forget(script: Script, userId: string): void {
  const { world, forgotten, everForgotten, withoutRecord } = script;
  if (world.item(userId)) return;
  const requestId = `request-${script.number()}`;
  const named = world.contacts().filter((contact) => world.crm.userIdOf(contact) === userId);
  const contactIds = named.map(({ id }) => id);
  forgotten.set(userId, contactIds);
  everForgotten.add(userId);
  const lost = contactIds.filter((id) => withoutRecord.has(id));
  const request = { version: 1, kind: 'forget', userId } as const;
  for (const contactId of lost) world.send({ ...request, requestId: `${requestId}-${contactId}`, contactId });
  if (lost.length === 0) world.send({ ...request, requestId });
}

function merge(script: Script, from: string, into: string, keeps: string): void {
  const { world, touched } = script;
  const contacts = [from, into].map((userId) => world.contactOf(userId)) as StoredContact[];
  const [source, survivor] = contacts;
  if (!source || !survivor || source === survivor) return;
  world.crm.merge(source, survivor, keeps === VALUES.keeps[1]);
  script.countLoss(from);
  if (world.crm.userIdOf(survivor) !== into) script.countLoss(into);
  for (const userId of [from, into]) touched.add(userId);
}

/** Staff merge the contact of a user into one that belongs to no user. */
function mergeAway(script: Script, userId: string, keeps: string): void {
  const { world, touched, mergedAway } = script;
  const contact = world.contactOf(userId);
  if (!contact) return;
  // The contact may still show the user who had it before.
  touched.add(world.crm.userIdOf(contact) ?? userId);
  const survivor = world.crm.fillInForm(`former.${userId}.${script.number()}@example.com`);
  world.crm.merge(contact, survivor, keeps === VALUES.keeps[1]);
  mergedAway.set(survivor.id, world.crm.userIdOf(survivor));
  script.countLoss(userId);
  touched.add(userId);
  // What became of earlier contacts stays unknown.
  if (script.uninformed.has(userId))
    for (const [id, named] of mergedAway)
      if (named === userId && id !== survivor.id) mergedAway.set(id, undefined);
  // A new `crm` map has no email until the sync writes one, which it cannot do in a conflict.
  if (world.item(userId)?.crm?.emails?.length) script.uninformed.delete(userId);
}

/** The app writes a whole item (`PutItem`) with an older `crm` map, or none. */
function putWholeItem({ world, uninformed }: Script, userId: string, which: string): void {
  const item = world.item(userId);
  if (!item) return;
  uninformed.add(userId);
  const { crm: _, ...attributes } = item;
  const maps = world.crmMaps.get(userId) ?? [];
  const older = which === 'its first crm map' ? maps[0] : maps.at(-2);
  world.put(which === 'no crm map' || !older ? attributes : { ...attributes, crm: older });
}

const millisecondsOf = (time: string) => Number(time.split(' ')[0]) * 1000;

/** Longer than any wait of a message. */
const MAX_SETTLE_MS = 12 * 3_600_000;

/** Everything that can happen in a history. */
export const ACTIONS: readonly Action[] = [
  { text: '<calls> calls pass', weight: 16, run: ({ world }, { calls }) => world.passCalls(Number(calls)) },
  { text: '<time> pass', weight: 16, run: ({ world }, { time }) => world.pass(millisecondsOf(time)) },
  {
    text: '<user> signs up with <email>',
    weight: 10,
    run: (script, { user, email }) => signUp(script, user, email),
  },
  {
    text: '<user> changes the <attribute>',
    weight: 8,
    run: (script, { user, attribute }) => edit(script, user, attribute),
  },
  {
    text: '<user> changes the email to <email>',
    weight: 6,
    run: ({ world }, { user, email }) => world.edit(user, { email }),
  },
  {
    text: '<user> removes the email',
    weight: 1,
    run({ world, withoutEmail }, { user }) {
      world.edit(user, { email: undefined });
      withoutEmail.add(user);
    },
  },
  {
    text: '<user> hands the email over to <other> and moves to <email>',
    weight: 4,
    run({ world }, { user, other, email }) {
      const handedOver = world.item(user)?.['email'];
      if (user === other || !handedOver || !world.item(other)) return;
      world.edit(user, { email });
      world.edit(other, { email: handedOver });
    },
  },
  {
    text: '<user> and <other> swap emails',
    weight: 4,
    run({ world }, { user, other }) {
      const [mine, theirs] = [user, other].map((userId) => world.item(userId)?.['email']);
      if (!mine || !theirs) return;
      world.edit(user, { email: theirs });
      world.edit(other, { email: mine });
    },
  },
  {
    text: '<user> <consent>',
    weight: 8,
    run({ world }, { user, consent }) {
      const [yes, no] = VALUES.consent;
      world.edit(user, { marketingOptIn: consent === yes ? true : consent === no ? false : undefined });
    },
  },
  {
    text: '<party> opted out the email of <user> in the CRM',
    weight: 3,
    run({ world, optedOutMeanwhile }, { party, user }) {
      const item = world.item(user);
      const email = item?.['email'];
      const [staff] = VALUES.party;
      const { addresses } = world.crm.simulator.store;
      if (typeof email !== 'string') return;
      if (item?.crm?.lease) optedOutMeanwhile.add(email);
      if (party === staff) addresses.set(email, 'Manual', 'staff');
      else addresses.set(email, 'ListUnsubscribe', 'person');
    },
  },
  { text: '<user> is deleted', weight: 4, run: ({ world }, { user }) => world.delete(user) },
  {
    text: '<user> is deleted and signs up again with <email>',
    weight: 4,
    run(script, { user, email }) {
      if (!script.world.item(user)) return;
      script.world.delete(user);
      signUp(script, user, email);
    },
  },
  { text: '<user> asks to be forgotten', weight: 2, run: (script, { user }) => forget(script, user) },
  {
    text: '<user> is deleted and asks to be forgotten',
    weight: 3,
    run(script, { user }) {
      script.world.delete(user);
      forget(script, user);
    },
  },
  {
    text: 'the app writes the whole item of <user> with <item>',
    weight: 4,
    run: (script, { user, item }) => putWholeItem(script, user, item),
  },
  {
    text: 'the app removes the crm map of <user>',
    weight: 2,
    run({ world, uninformed }, { user }) {
      world.edit(user, { crm: undefined });
      uninformed.add(user);
    },
  },
  {
    text: 'the app reads the item of <user>',
    weight: 2,
    run({ world, read }, { user }) {
      const item = world.item(user);
      if (item) read.set(user, item);
    },
  },
  {
    text: 'the app writes back the item of <user> that it has read',
    weight: 2,
    run({ world, read, uninformed }, { user }) {
      const item = read.get(user);
      if (!item || !world.item(user)) return;
      world.put(item);
      uninformed.add(user);
    },
  },
  {
    text: 'the app brings <user> back with the item that it has read',
    weight: 2,
    run({ world, read, forgotten, uninformed }, { user }) {
      const item = read.get(user);
      if (!item || world.item(user)) return;
      forgotten.delete(user);
      uninformed.add(user);
      world.put(item);
    },
  },
  {
    text: 'a refresh looks at everybody',
    weight: 2,
    run({ world }) {
      for (const { userId } of world.livingUsers())
        world.send(userMessage(userId, { cause: 'backfill', changedAt: world.now }));
    },
  },
  {
    text: 'the sync table is lost',
    weight: 1,
    async run(script) {
      const { world, forgotten, withoutRecord } = script;
      // The messages of the old stack are lost with its queue, so it is only replaced once nothing is pending.
      await world.settle(MAX_SETTLE_MS);
      world.replaceSyncTable();
      script.hasLostTable = true;
      // The records that prove the erasures are lost with the table.
      forgotten.clear();
      for (const contact of world.contacts())
        if (world.item(world.crm.userIdOf(contact) ?? '')?.crm?.contactId !== contact.id)
          withoutRecord.add(contact.id);
    },
  },
  {
    text: 'the changes of <user> arrive <time> late',
    weight: 2,
    run: ({ world }, { user, time }) => world.delayStream(user, millisecondsOf(time)),
  },
  {
    text: 'the environments die after <calls> calls',
    weight: 8,
    async run({ world }, { calls }) {
      await world.passCalls(Number(calls));
      world.killEnvironments();
    },
  },
  { text: 'dead letters are redriven', weight: 2, run: ({ world }) => world.redrive() },
  {
    text: 'a web form adds a contact with <email>',
    weight: 3,
    run({ world }, { email }) {
      if (world.livingUsers().some((item) => item['email'] === email)) world.crm.doubledEmails.add(email);
      world.crm.fillInForm(email);
    },
  },
  {
    text: 'staff add notes to the contact of <user>',
    weight: 2,
    run({ world }, { user }) {
      const contact = world.contactOf(user);
      if (contact) world.crm.typeInto(contact);
    },
  },
  {
    text: 'staff delete the contact of <user>',
    weight: 2,
    run(script, { user }) {
      const contact = script.world.contactOf(user);
      if (!contact) return;
      script.world.crm.deleteContact(contact);
      script.touched.add(user);
      script.countLoss(user);
    },
  },
  {
    text: 'staff merge the contact of <user> into that of <other>, which keeps <keeps>',
    weight: 8,
    run: (script, { user, other, keeps }) => merge(script, user, other, keeps),
  },
  {
    text: 'staff merge the contact of <user> into one of nobody, which keeps <keeps>',
    weight: 3,
    run: (script, { user, keeps }) => mergeAway(script, user, keeps),
  },
  {
    text: 'the <ordinal> CRM <request> <fault>',
    weight: 8,
    run({ world }, { ordinal, request, fault }) {
      const after = VALUES.ordinal.indexOf(ordinal as (typeof VALUES.ordinal)[number]);
      world.crm.armFault(fault as FaultKind, after, request === 'write');
    },
  },
  {
    text: 'the CRM answers 404 for <spell>',
    weight: 2,
    run(script, { spell }) {
      // The sync may ask for a contact in two spells and not in between, and would take them for one long one.
      if (script.world.now < script.nextSpellAt) return;
      script.nextSpellAt = script.world.now + millisecondsOf(spell) + MAX_HIDDEN_MS;
      script.world.crm.hideContacts(millisecondsOf(spell));
    },
  },
];

function noteConsents({ world, saidYes }: Script): void {
  for (const { userId, email, marketingOptIn } of world.livingUsers())
    if (marketingOptIn === true && typeof email === 'string')
      saidYes.set(userId, (saidYes.get(userId) ?? new Set()).add(email));
}

const PLACEHOLDER = /<(\w+)>/g;

/** The placeholders of an action's text, in their order, with their values. */
export const placeholdersOf = (text: string): (readonly string[])[] =>
  [...text.matchAll(PLACEHOLDER)].map(([, name]) => VALUES[name as Placeholder]);

/** Writes values in place of the placeholders. */
export function stepText(text: string, values: readonly string[]): string {
  let index = 0;
  return text.replace(PLACEHOLDER, () => values[index++] ?? '');
}

const PARSERS = ACTIONS.map(({ text, run }) => ({
  run,
  pattern: new RegExp(
    `^${text.replace(PLACEHOLDER, (_, name: Placeholder) => `(?<${name}>${VALUES[name].join('|')})`)}$`,
  ),
}));

/** Performs a step. @throws Error if no action has this text. */
export async function perform(script: Script, step: string): Promise<void> {
  for (const { pattern, run } of PARSERS) {
    const match = pattern.exec(step);
    if (!match) continue;
    await run(script, { ...match.groups } as Record<Placeholder, string>);
    noteConsents(script);
    return;
  }
  throw new Error(`No action reads: ${step}`);
}
