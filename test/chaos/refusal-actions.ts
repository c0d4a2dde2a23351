import type { User } from '../../shared/user/user.ts';
import { type Action, changeUser, putUser, randomUser, sendMessage } from './chaos-context.ts';
import { REFUSED_PROGRAM } from './world.ts';

/** Maximum number of users whose email becomes unusable. */
const MAX_REJECTED = 10;
/** Maximum number of users whose contacts refuse tags in a request for many. */
const MAX_BULK_REFUSALS = 5;
/** Longest time that a new user is without an email, in milliseconds. */
const WITHOUT_EMAIL_MS = 4000;

/**
 * A user gets an email that no CRM can take, and keeps it. The contact shows the user's email until then: another user may have taken one
 * that it still shows, and both contacts would keep it (docs/decisions/0003-claims.md, "What stays wrong").
 */
export const breakEmail: Action = async (context) => {
  const { world, running } = context;
  if (world.rejected.size === MAX_REJECTED) return;
  const shown = new Map(
    (await running.controlApi.contacts()).map(({ customFields, values }) => [
      customFields['App User Id'],
      values['email_addresses.EMAIL1'],
    ]),
  );
  const isUntouched = ({ userId, email }: User) =>
    !world.merged.has(userId) && !world.drifted.has(userId) && shown.get(userId) === email;
  const user = world.pick(world.availableForPairs().filter(isUntouched));
  if (user) await changeUser(context, user.userId, { email: world.breakEmail(user) });
};

/** Attributes with values that the CRM does not store as they are, each with its field if the CRM refuses the value. */
const ODD_VALUES: readonly (readonly [Partial<User>, field?: string])[] = [
  [{ timeZone: 'Pacific/Auckland' }, 'time_zone'],
  [{ progress: { program: REFUSED_PROGRAM, week: 2 } }, 'custom_fields.Program'],
  [{ lastName: `${REFUSED_PROGRAM} name` }, 'family_name'],
  [{ timeZone: 'Antarctica/Troll' }],
  [{ timeZone: 'Europe/Paris' }],
  [{ locale: 'es-419' }],
  [{ firstName: 'Maximiliana '.repeat(9) }],
];

/** A user gets a value that the CRM refuses, or that the sync leaves out, cuts or replaces. Other fields must still be synced. */
export const oddValue: Action = async (context) => {
  const { world } = context;
  const user = randomUser(context);
  const [changes, field] = world.pick(ODD_VALUES) ?? [{}];
  if (!user) return;
  if (field) world.refusable.add(field);
  await changeUser(context, user.userId, changes);
};

/** A user signs up without an email, and adds one soon. */
export const withoutEmail: Action = async (context) => {
  const { world } = context;
  const user = world.nextUser();
  if (!user) return;
  const { userId } = user;
  const email = world.newEmail(user);
  await putUser(context, { ...user, email: world.random() < 0.5 ? undefined : '' });
  world.later(Date.now(), world.random() * WITHOUT_EMAIL_MS, [userId], () =>
    changeUser(context, userId, { email }),
  );
};

/** Sends a message that the system cannot read, in the group of a user who may change at the same moment. */
export const unreadable: Action = async (context) => {
  const { world } = context;
  const user = randomUser(context);
  if (!user) return;
  const name = `unreadable-${world.unreadable.size}`;
  world.unreadable.add(name);
  const body = world.pick([
    `not JSON, "userId":"${name}"`,
    JSON.stringify({ version: 2, kind: 'user', userId: name }),
    JSON.stringify({ userId: name }),
  ]);
  const change = () => changeUser(context, user.userId, world.edit(user));
  if (world.random() < 0.5) await change();
  await sendMessage(context, user.userId, body ?? '', name);
  if (world.random() < 0.5) await change();
};

/** From now on, the CRM refuses a request about one tag of many contacts if one of them is this user's. */
export const refuseBulkTags: Action = async ({ world, running }) => {
  const { email } = world.pick(world.availableForPairs()) ?? {};
  if (!email || world.bulkRefusals.size === MAX_BULK_REFUSALS) return;
  world.bulkRefusals.add(email);
  await running.controlApi.set('bulk-refusals', { emails: [...world.bulkRefusals] });
};
