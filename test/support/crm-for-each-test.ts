import { afterEach, beforeEach } from 'vitest';
import { record } from './consumer-under-test.ts';
import { startCrm } from './crm-under-test.ts';
import { userMessage } from './user-message.ts';

/** The CRM of the running test. */
export let crm: Awaited<ReturnType<typeof startCrm>>;

export async function restartCrm(options?: Parameters<typeof startCrm>[0]): Promise<void> {
  crm = await startCrm(options);
  await crm.admin.declareOwnership();
}

/** Starts a CRM before each test of the calling file or `describe`, and stops it afterwards. */
export function startCrmForEachTest(options?: Parameters<typeof startCrm>[0]): void {
  beforeEach(() => restartCrm(options));
  afterEach(() => crm.stop());
}

/** The first contact with an email. */
export const contactWithEmail = async (email: string) => (await crm.admin.contacts(email))[0];

/** A delivery that says that a user has changed. */
export const changeOf = (userId: string) => record(userMessage(userId));
