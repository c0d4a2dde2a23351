import { afterEach, expect, it } from 'vitest';
import type { AnswerOptions } from '../../simulator/answer-forms.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
afterEach(() => crm.stop());

/** Every form in which the CRM is known to answer, or may answer. */
const FORMS: readonly Partial<AnswerOptions>[] = [false, true].flatMap((nulls) =>
  [false, true].flatMap((emptyLists) =>
    (['object', 'entries'] as const).flatMap((tagResults) =>
      ([200, 201] as const).map((createdStatus) => ({ nulls, emptyLists, tagResults, createdStatus })),
    ),
  ),
);

it.each(FORMS)(
  'a user is created, changed and deleted by the same requests where answers are %j',
  async (answers) => {
    crm = await startCrm({ answers: { ...answers, pageAddresses: answers.nulls === true } });
    const users = memoryUserTable(ANN);
    const { receive, rejected, retries } = consumerOf(crm, users);
    const cost = await crm.requestsOf(async () => {
      await receive(record(userMessage('ann')));
      users.edit('ann', { firstName: 'Anna', progress: { program: 'Strength', week: 4 } });
      await receive(record(userMessage('ann', { cause: 'changed' })));
    });
    expect(cost).toEqual({
      'PUT /contacts': 1,
      'PATCH /contacts/{id}': 1,
      'POST /contacts/{id}/tags': 2,
      // Where the list of tags is null or missing, a new contact may have any.
      'DELETE /contacts/{id}/tags': answers.emptyLists ? 1 : 2,
    });
    const [contact] = await crm.contacts();
    expect(contact).toMatchObject({
      values: { given_name: 'Anna' },
      tags: [...ANN_TAGS.slice(0, -1), 'Week 4'],
    });
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.delete('ann');
    await receive(record(userMessage('ann', { cause: 'deleted', contactId })));
    expect((await crm.contacts())[0]?.tags).toEqual(['Account Deleted']);
    expect([rejected, retries]).toEqual([[], []]);
  },
);
