import { type Action, changeUser, randomUser } from './chaos-context.ts';

/** A user changes the consent in the app, or does not want to be asked. */
export const changeConsent: Action = async (context) => {
  const user = randomUser(context);
  if (!user) return;
  const marketingOptIn = context.world.pick([true, false, undefined]);
  await changeUser(context, user.userId, { marketingOptIn });
};

/** Staff opt out the email of a user by hand, or the person unsubscribes. */
export const optOut: Action = async (context) => {
  const user = randomUser(context);
  if (!user?.email) return;
  context.handwork.optedOut.add(user.email.toLowerCase());
  await context.running.door.optOut(user.email, context.world.pick(['staff', 'person'] as const) ?? 'staff');
};
