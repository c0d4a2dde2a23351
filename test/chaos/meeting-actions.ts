import type { User } from '../../shared/user/user.ts';
import { type Action, type ChaosContext, changeUser, putUser, readRows } from './chaos-context.ts';
import type { World } from './world.ts';

/** Longest times between the two changes of {@link inAnyOrder}, in milliseconds: within, or after, the first wait of a conflict. */
const APART_MS = [4000, 30_000] as const;

/** Makes two changes in any order, at once or seconds apart. */
async function inAnyOrder(
  { world }: ChaosContext,
  userIds: readonly string[],
  changes: readonly [() => Promise<void>, () => Promise<void>],
): Promise<void> {
  const [first, second] = world.random() < 0.5 ? changes : [changes[1], changes[0]];
  await first();
  if (world.random() < 0.4) await second();
  else world.later(Date.now(), world.random() * (world.pick(APART_MS) ?? 0), userIds, second);
}

/** Users whose own contact exists, with its id. */
async function usersWithContact(context: ChaosContext): Promise<{ userId: string; contactId: number }[]> {
  const { world, running } = context;
  const rows = new Map((await readRows(context)).map(({ userId, crm }) => [userId, crm?.contactId]));
  const contacts = await running.controlApi.contacts();
  const ownerOf = new Map(contacts.map(({ id, customFields }) => [id, customFields['App User Id']]));
  return world.availableForPairs().flatMap(({ userId }) => {
    const contactId = rows.get(userId);
    return contactId && ownerOf.get(contactId) === userId ? [{ userId, contactId }] : [];
  });
}

/** Two users who may meet. Most have a contact: while the first limit lasts, few users have one. */
async function anyTwo(context: ChaosContext): Promise<[User, User] | []> {
  const { world } = context;
  const users = world.availableForPairs();
  const synced = new Set((await usersWithContact(context)).map(({ userId }) => userId));
  const withContact = users.filter(({ userId }) => synced.has(userId));
  const candidates = world.random() < 0.7 && withContact.length > 1 ? withContact : users;
  const one = world.pick(candidates);
  const other = world.pick(candidates.filter(({ userId }) => userId !== one?.userId));
  return one && other ? [one, other] : [];
}

/** One user moves to a new email, and another one, who may be new, takes the old one. */
export const handOver: Action = async (context) => {
  const { world } = context;
  const [giver, other] = await anyTwo(context);
  const newcomer = world.random() < 0.3 ? world.nextUser() : undefined;
  const taker = newcomer ?? other;
  if (!giver || !taker) return;
  const { email } = giver;
  const give = async () => {
    if (world.users.get(giver.userId)?.email === email)
      await changeUser(context, giver.userId, { email: world.newEmail(giver) });
  };
  const take = () =>
    newcomer ? putUser(context, { ...newcomer, email }) : changeUser(context, taker.userId, { email });
  await inAnyOrder(context, [giver.userId, taker.userId], [give, take]);
};

/** Two users swap their emails. */
export const swap: Action = async (context) => {
  const { world } = context;
  const [ann, bob] = await anyTwo(context);
  if (!ann || !bob) return;
  const take = (taker: typeof ann, giver: typeof ann) => async () => {
    // The taker may have moved elsewhere in between.
    if (world.users.get(taker.userId)?.email === taker.email)
      await changeUser(context, taker.userId, { email: giver.email });
  };
  await inAnyOrder(context, [ann.userId, bob.userId], [take(ann, bob), take(bob, ann)]);
};

const isUntouched = (world: World, userId: string) => !world.merged.has(userId) && !world.drifted.has(userId);

/** A person takes the contacts of two users for duplicates, and merges them. */
export const mergeUsers: Action = async (context) => {
  const { world, running, manualChanges } = context;
  const candidates = (await usersWithContact(context)).filter(({ userId }) => isUntouched(world, userId));
  const from = world.pick(candidates);
  const into = world.pick(candidates.filter(({ contactId }) => contactId !== from?.contactId));
  if (!from || !into) return;
  const values = world.pick(['into', 'from'] as const);
  if (!(await running.controlApi.merge(from.contactId, into.contactId, values))) return;
  for (const { userId, contactId } of [from, into]) {
    world.merged.add(userId);
    manualChanges.touched.add(contactId);
  }
};

/** A person deletes the contact of a user, or merges it into one that belongs to no user. */
export const drift: Action = async (context) => {
  const { world, running, manualChanges } = context;
  const candidates = (await usersWithContact(context)).filter(({ userId }) => isUntouched(world, userId));
  const chosen = world.pick(candidates);
  if (!chosen) return;
  const { userId, contactId } = chosen;
  world.drifted.add(userId);
  manualChanges.touched.add(contactId);
  if (world.random() < 0.5) return running.controlApi.removeContact(contactId);
  // As the CRM has it: the CRM refuses a domain with other letters, also when the sync writes it again beside another address.
  const shown = (await running.controlApi.contacts()).find(({ id }) => id === contactId);
  const [survivor] = await running.controlApi.addContacts([
    { values: { 'email_addresses.EMAIL1': `old.${shown?.values['email_addresses.EMAIL1']}` } },
  ]);
  if (survivor) manualChanges.touched.add(survivor.id);
  const values = world.pick(['into', 'from'] as const);
  if (survivor && (await running.controlApi.merge(contactId, survivor.id, values)) && values === 'into')
    world.untraceable.add(survivor.id);
};

/** A person fills in a web form of the CRM, also with values that the app does not manage, and signs up right after. */
export const webForm: Action = async (context) => {
  const { world, running, manualChanges } = context;
  const user = world.nextUser();
  if (!user) return;
  const { userId, email = '', firstName = '' } = user;
  const [contact] = await running.controlApi.addContacts([
    {
      values: {
        'email_addresses.EMAIL1': world.random() < 0.3 ? email.toUpperCase() : email,
        'email_addresses.EMAIL2': `home.${email}`,
        'phone_numbers.PHONE2': `+1212555${1000 + Math.floor(world.random() * 9000)}`,
        given_name: firstName,
      },
      customFields: { 'Shoe Size': String(36 + Math.floor(world.random() * 12)) },
      tags: ['Newsletter'],
      isNew: true,
    },
  ]);
  if (contact) {
    manualChanges.touched.add(contact.id);
    world.forms.add(contact.id);
  }
  world.later(Date.now(), world.random() * 500, [userId], () => putUser(context, user));
};

/** A user moves to an email with which the newsletter was ordered long ago, so every search shows the contact that has it. */
export const moveToSubscriber: Action = async (context) => {
  const { world, running, manualChanges } = context;
  const user = world.users.get(world.pick(await usersWithContact(context))?.userId ?? '');
  if (!user) return;
  const email = world.newEmail(user);
  const [contact] = await running.controlApi.addContacts([
    {
      values: { 'email_addresses.EMAIL1': email },
      customFields: { 'Shoe Size': '39' },
      tags: ['Newsletter'],
    },
  ]);
  if (contact) manualChanges.touched.add(contact.id);
  await changeUser(context, user.userId, { email });
};
