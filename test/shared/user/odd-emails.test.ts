import { afterEach, beforeEach, expect, it } from 'vitest';
import { ANN } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm({ searchDelayMs: 0 });
});
afterEach(() => crm.stop());

it.each([
  ["o'neill&sons!@example.com", "o'neill&sons!@example.com"],
  ['ann@xn--mnchen-3ya.xn--p1ai', 'ann@xn--mnchen-3ya.xn--p1ai'],
  ['ann+app@münchen.de', 'ann+app@xn--mnchen-3ya.de'],
])(
  'a user with the email %s has one contact, and costs nothing until the next change',
  async (given, email) => {
    const users = memoryUserTable({ ...ANN, email: given });
    const { receive, rejected } = consumerOf(crm, users);
    await receive(record(userMessage('ann')));
    expect(rejected).toEqual([]);
    expect(await crm.client.findContactsByEmail(email)).toHaveLength(1);
    expect(await crm.requestsOf(() => receive(record(userMessage('ann'))))).toEqual({});
    users.edit('ann', { email: given.toUpperCase(), firstName: 'Anna' });
    await receive(record(userMessage('ann')));
    users.edit('ann', { email: 'ann@example.com' });
    await receive(record(userMessage('ann')));
    expect((await crm.contacts()).map(({ values }) => values['email_addresses.EMAIL1'])).toEqual([
      'ann@example.com',
    ]);
  },
);
