import { expect, it } from 'vitest';
import { startCrm } from '../../support/crm-under-test.ts';
import { callEveryMethod } from '../client-calls.ts';

it('every method of the client makes a request that the simulator accepts', async () => {
  const crm = await startCrm({ isServer: true });
  try {
    await callEveryMethod(crm.url);
    const { requests, contactsDeleted } = await crm.admin.stats();
    expect(Object.keys(requests).length).toBeGreaterThan(15);
    expect(contactsDeleted).toBe(1);
  } finally {
    await crm.stop();
  }
});
