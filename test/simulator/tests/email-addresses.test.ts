import { afterEach, describe, expect, it } from 'vitest';
import type { StoredAddress } from '../account/email-addresses.ts';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

const ANN = 'ann@example.com';

async function withAnn() {
  const simulator = await start();
  await upsert(simulator.api, email(ANN));
  const put = (json: object, address = ANN) =>
    simulator.api.put(`emailAddresses/${encodeURIComponent(address)}`, { json });
  const set = (status: string, by: 'staff' | 'person') =>
    simulator.admin.post('addresses', { json: { email: ANN, status, by } });
  const status = async () =>
    (await simulator.admin.get('addresses').json<StoredAddress[]>()).find((each) => each.email === ANN)
      ?.status;
  return { ...simulator, put, set, status };
}

describe('an email address', () => {
  it.each([
    ['NonMarketable', 'SingleOptIn'],
    ['UnengagedMarketable', 'SingleOptIn'],
    ['UnengagedNonMarketable', 'SingleOptIn'],
    ['Manual', 'SingleOptIn'],
    ['ListUnsubscribe', 'ListUnsubscribe'],
    ['System', 'System'],
    ['Confirmed', 'Confirmed'],
  ])('that is %s becomes %s by an opt-in', async (before, after) => {
    const { put, set, status } = await withAnn();
    await set(before, 'staff');
    const answer = await put({ opted_in: true, reason: 'asked' });
    expect(await answer.json()).toMatchObject({
      email: ANN,
      opted_in: ['SingleOptIn', 'Confirmed'].includes(after),
    });
    expect(await status()).toBe(after);
  });

  it('keeps its opt-out when the client opts it out too', async () => {
    const { put, set, status } = await withAnn();
    await set('ListUnsubscribe', 'person');
    await put({ opted_in: false, reason: 'asked' });
    expect(await status()).toBe('ListUnsubscribe');
  });

  it('keeps its status when its contact is deleted, and shows it on the next one', async () => {
    const { api, put, contacts } = await withAnn();
    await put({ opted_in: false, reason: 'asked' });
    for (const { id } of await contacts()) await api.delete(`contacts/${id}`);
    expect(await (await upsert(api, email('Ann@Example.com'))).json()).toMatchObject({
      email_status: 'Manual',
      email_opted_in: false,
    });
  });

  it('needs a reason, and a contact that shows it', async () => {
    const { put } = await withAnn();
    expect((await put({ opted_in: false })).status).toBe(400);
    expect((await put({ opted_in: false, reason: 'asked' }, 'nobody@example.com')).status).toBe(404);
  });

  it('whose opt-out by staff the client undoes is counted', async () => {
    const { put, set, stats } = await withAnn();
    await put({ opted_in: false, reason: 'asked' });
    await put({ opted_in: true, reason: 'asked' });
    expect((await stats()).optOutsUndone).toEqual([]);
    await set('Manual', 'staff');
    await put({ opted_in: false, reason: 'asked' });
    await put({ opted_in: true, reason: 'asked' });
    expect((await stats()).optOutsUndone).toHaveLength(1);
  });

  it('has another status when it is new or withdrawn, where the account is set so, or none in answers', async () => {
    const { api, admin, put, status } = await withAnn();
    await admin.post('consent', { json: { withdrawnStatus: 'Admin', newStatus: 'UnengagedNonMarketable' } });
    await put({ opted_in: false, reason: 'asked' });
    expect(await status()).toBe('Admin');
    expect(await (await upsert(api, email('bob@example.com'))).json()).toMatchObject({
      email_status: 'UnengagedNonMarketable',
    });
    await admin.post('answers', { json: { emailStatus: false } });
    expect(await (await upsert(api, email('bob@example.com'))).json()).toMatchObject({ email_status: null });
  });
});

it('accounts of four networks are stored and not shown', async () => {
  const { api, contacts, admin } = await start({ strict: { withheldProperties: false } });
  const social_accounts = ['LinkedIn', 'Instagram'].map((type) => ({ type, name: 'ann' }));
  const shown = async () => (await (await upsert(api, { ...email(ANN), social_accounts })).json()) as object;
  expect(await shown()).toMatchObject({ social_accounts: [{ type: 'LinkedIn' }] });
  expect((await contacts())[0]?.values).toMatchObject({ 'social_accounts.Instagram': 'ann' });
  await admin.post('answers', { json: { allNetworks: true } });
  expect(await shown()).toMatchObject({ social_accounts: [{}, {}] });
});
