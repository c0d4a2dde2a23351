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
  const { world, running, manualChanges } = context;
  const user = randomUser(context);
  if (!user?.email) return;
  const { userId, email } = user;
  const isBusy = async () =>
    (await running.system.app.users()).some((row) => row.userId === userId && row.crm?.lease !== undefined);
  manualChanges.optedOut.add(email.toLowerCase());
  const wasBusy = await isBusy();
  await running.controlApi.optOut(email, world.pick(['staff', 'person'] as const) ?? 'staff');
  if (wasBusy || (await isBusy())) world.optedOutMeanwhile.add(email.toLowerCase());
};
