import { randomUUID } from 'node:crypto';
import { type ForgetMessage, userMessage } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';
import {
  type Action,
  type ChaosContext,
  changeUser,
  putUser,
  randomUser,
  readRows,
  removeUser,
  sendMessage,
} from './chaos-context.ts';

/** Longest time between two parts of an action that "happen within a second", in milliseconds. */
const SECOND_MS = 1000;

/** A random edit of a random user. */
export const edit: Action = async (context) => {
  const user = randomUser(context);
  if (user) await changeUser(context, user.userId, context.world.edit(user));
};

export const create: Action = async (context) => {
  const user = context.world.nextUser();
  if (user) await putUser(context, user);
};

/** Users who may leave. Not those whose contact people deleted or merged: nothing says which contact has to be cleaned up. */
const canLeave = ({ world }: ChaosContext) =>
  world.changeable().filter(({ userId }) => !world.drifted.has(userId));

export const remove: Action = async (context) => {
  const user = context.world.pick(canLeave(context));
  if (user) await removeUser(context, user.userId);
};

/** A user leaves and signs up again, with the same id. */
export const recreate: Action = async (context) => {
  const user = randomUser(context);
  if (!user) return;
  context.world.recreated.add(user.userId);
  await removeUser(context, user.userId);
  await putUser(context, { ...user, firstName: `${user.firstName} Again` });
};

/** A user signs up and leaves within a second. */
export const deleteInFlight: Action = async (context) => {
  const { world } = context;
  const user = world.nextUser();
  if (!user) return;
  await putUser(context, user);
  world.later(Date.now(), world.random() * SECOND_MS, [user.userId], () => removeUser(context, user.userId));
};

/** A user signs up with a mistyped email, and corrects it within a second. */
export const correctEmail: Action = async (context) => {
  const { world } = context;
  const user = world.nextUser();
  if (!user) return;
  const { userId, email } = user;
  await putUser(context, { ...user, email: `mistyped.${email}` });
  world.later(Date.now(), world.random() * SECOND_MS, [userId], () => changeUser(context, userId, { email }));
};

/** The app writes the whole item with a change and a `crm` map that it read earlier. Attributes other than the email may be old too. */
export const putOlder: Action = async (context) => {
  const { world } = context;
  const current = new Map((await readRows(context)).map(({ userId, crm }) => [userId, crm?.revision]));
  const older = [...world.readItems.values()].filter(
    ({ userId, crm }) => crm?.revision !== current.get(userId),
  );
  const item = world.pick(older);
  const user = item && world.changeable().find(({ userId }) => userId === item.userId);
  if (!user) return;
  const attributes = world.random() < 0.5 ? user : item;
  context.manualChanges.unrecorded.add(user.userId);
  await putUser(context, { ...attributes, email: user.email, ...world.edit(user), crm: item.crm });
};

/** A random edit, often of the email, so that the contact cannot be found by it. */
const editOrMove = ({ world }: ChaosContext, user: User): Partial<User> =>
  world.random() < 0.4 && !world.drifted.has(user.userId)
    ? { email: world.newEmail(user) }
    : world.edit(user);

/** The app writes the whole item with a change, and without the `crm` map. */
export const putWithout: Action = async (context) => {
  const user = randomUser(context);
  if (!user) return;
  context.manualChanges.unrecorded.add(user.userId);
  await putUser(context, { ...user, ...editOrMove(context, user) });
};

/** A person removes the `crm` map, to sync the user again. The user may make a change at the same time. */
export const resync: Action = async (context) => {
  const { world, running } = context;
  const user = randomUser(context);
  if (!user) return;
  world.change(user);
  context.manualChanges.unrecorded.add(user.userId);
  await running.system.app.edit(user.userId, { crm: undefined });
  if (world.random() < 0.5) await changeUser(context, user.userId, editOrMove(context, user));
};

/** Sends a message that is out of date, possibly about a deletion. */
export const duplicate: Action = async (context) => {
  const { world, counts } = context;
  const user = randomUser(context);
  if (!user) return;
  const { userId } = user;
  const cause = world.pick(['changed', 'created', 'backfill', 'deleted'] as const) ?? 'changed';
  const message = userMessage(userId, { cause, changedAt: 0 });
  counts.duplicates++;
  await sendMessage(context, userId, JSON.stringify(message), `chaos-${counts.duplicates}`);
};

/** Sends the message of `user-sync forget --user ID`. @returns the id of the request. */
export async function requestErasure(context: ChaosContext, userId: string): Promise<string> {
  const requestId = randomUUID();
  const message: ForgetMessage = { version: 1, kind: 'forget', userId, requestId };
  await sendMessage(context, userId, JSON.stringify(message), requestId);
  return requestId;
}

/** A user leaves, and asks for erasure before, at the same time or afterwards. */
export const forget: Action = async (context) => {
  const { world } = context;
  const user = world.pick(canLeave(context).filter(({ userId }) => !world.forbidden.has(userId)));
  if (!user) return;
  const { userId } = user;
  const leave = () => removeUser(context, userId);
  const request = async () => void (await requestErasure(context, userId));
  world.forgotten.add(userId);
  const kind = world.pick(['before', 'at once', 'after'] as const);
  const [first, second] = kind === 'before' ? [request, leave] : [leave, request];
  if (kind === 'at once') {
    await Promise.all([first(), second()]);
    return;
  }
  await first();
  world.later(Date.now(), world.random() * 2 * SECOND_MS, [userId], second);
};
