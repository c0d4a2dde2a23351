import { afterEach, describe, expect, it } from 'vitest';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

const ANN = { userId: 'ann', email: 'ann@example.com', firstName: 'Ann', lastName: 'Lee' };

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

describe('a company', () => {
  it('is created once, however many users and environments name it', async () => {
    crm = await startCrm({}, richMapping);
    const users = memoryUserTable(
      ...[1, 2, 3, 4].map((index) => ({ ...ANN, userId: `u${index}`, email: `u${index}@example.com` })),
    );
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        one.receive(record(userMessage('u1')), record(userMessage('u2'))),
        two.receive(record(userMessage('u3')), record(userMessage('u4'))),
      ]);
    }
    expect((await crm.admin.directory()).companies.map(({ name }) => name)).toEqual(['Lee Ltd']);
  });
});
