import { type Action, changeUser, randomUser } from './chaos-context.ts';

/** A user answers yes or no to marketing in the app, or has no answer any more. */
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
  context.manualChanges.optedOut.add(user.email.toLowerCase());
  await context.running.controlApi.optOut(
    user.email,
    context.world.pick(['staff', 'person'] as const) ?? 'staff',
  );
};
