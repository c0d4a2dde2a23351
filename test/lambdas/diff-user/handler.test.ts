import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { messageSchema } from '../../../shared/sync/message.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';

vi.stubEnv('SYNC_QUEUE_URL', 'https://sqs.local/queue.fifo');
vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
vi.stubEnv('AWS_REGION', 'eu-west-1');

const POISON = 'a name that the mapping cannot handle';
vi.mock('#mapping', async (original) => {
  const { mapping } = await original<{ mapping: Mapping }>();
  const value = ({ firstName }: User) => {
    if (firstName === POISON) throw new TypeError('the mapping fails');
    return undefined;
  };
  return {
    mapping: { ...mapping, customFields: { ...mapping.customFields, Poison: { type: 'Text', value } } },
  };
});
// Test files share modules: this one needs, and leaves behind, none with the mapping above.
vi.resetModules();
const { handler } = await import('../../../lambdas/diff-user/handler.ts');
afterAll(() => {
  vi.doUnmock('#mapping');
  vi.resetModules();
});

const sqs = mockClient(SQSClient);
beforeEach(() => {
  sqs.reset();
  sqs.on(SendMessageBatchCommand).resolves({});
});

const image = (item: Record<string, unknown> | undefined) =>
  item &&
  (marshall(item, { removeUndefinedValues: true }) as NonNullable<DynamoDBRecord['dynamodb']>['NewImage']);
let sequence = 0;
function record(
  before: Record<string, unknown> | undefined,
  after: Record<string, unknown> | undefined,
): DynamoDBRecord {
  sequence++;
  const userId = (after ?? before)?.['userId'];
  const images = { Keys: image({ userId }), OldImage: image(before), NewImage: image(after) };
  return {
    eventID: `event-${sequence}`,
    dynamodb: { SequenceNumber: `${sequence}`, ApproximateCreationDateTime: 1_781_000_000, ...images },
  } as DynamoDBRecord;
}
const run = (...Records: DynamoDBRecord[]) => handler({ Records }, { awsRequestId: 'r' } as Context);
const sent = () =>
  sqs.commandCalls(SendMessageBatchCommand).flatMap(({ args }) => args[0].input.Entries ?? []);

describe('diff-user', () => {
  it('sends a message with the user as group and the stream event as de-duplication id', async () => {
    const one = record(undefined, { userId: 'ann', email: 'ann@example.com' });
    expect(await run(one)).toEqual({ batchItemFailures: [] });
    expect(sent()).toMatchObject([{ MessageGroupId: 'ann', MessageDeduplicationId: one.eventID }]);
    expect(sent()[0]?.MessageBody).not.toContain('example.com');
    expect(JSON.parse(sent()[0]?.MessageBody ?? '')).toMatchObject({ correlationId: one.eventID });
  });

  it('sends nothing for the write-back of the sync', async () => {
    const ann = { userId: 'ann', email: 'ann@example.com' };
    await run(record(ann, { ...ann, crm: { contactId: 5, tagIds: [1], revision: 1 } }));
    expect(sent()).toEqual([]);
  });

  it('ignores a record without a user id', async () => {
    const withoutId = record(undefined, { email: 'ann@example.com' });
    const result = await run(withoutId, record(undefined, { userId: 'bob', email: 'bob@example.com' }));
    expect(result).toEqual({ batchItemFailures: [] });
    expect(sent()).toHaveLength(1);
  });

  it('sends a message by key for a record that cannot be compared, instead of blocking its shard', async () => {
    const ann = { userId: 'ann', firstName: POISON };
    const until = '2026-06-15T12:00:00.000Z';
    const lease = { environment: 'a', invocation: 1, until };
    const cleo = { userId: 'cleo', firstName: POISON, crm: { contactId: 7, lease } };
    const result = await run(
      { ...record(undefined, ann), eventName: 'INSERT' },
      { ...record(cleo, undefined), eventName: 'REMOVE' },
      record(undefined, { userId: 'bob', email: 'bob@example.com' }),
    );
    expect(result).toEqual({ batchItemFailures: [] });
    const messages = sent().map(({ MessageBody = '' }) => messageSchema.parse(JSON.parse(MessageBody)));
    expect(messages).toMatchObject([
      { userId: 'ann', cause: 'changed', fields: [] },
      { userId: 'cleo', cause: 'deleted', contactId: 7, notBefore: '2026-06-15T12:01:00.000Z' },
      { userId: 'bob', cause: 'created' },
    ]);
  });

  it('reports a record whose message was not accepted', async () => {
    sqs
      .on(SendMessageBatchCommand)
      .resolves({ Failed: [{ Id: '0', Code: 'Throttled', SenderFault: false }] });
    const one = record(undefined, { userId: 'ann', email: 'ann@example.com' });
    expect(await run(one)).toEqual({ batchItemFailures: [{ itemIdentifier: one.dynamodb?.SequenceNumber }] });
  });

  it('reads an item with large numbers and sets in unknown attributes', async () => {
    const item = marshall({ userId: 'ann', email: 'ann@example.com', badges: new Set(['a']) });
    const dynamodb = { SequenceNumber: '9', NewImage: { ...item, huge: { N: '1'.repeat(38) } } };
    expect(await run({ eventID: 'e', dynamodb } as DynamoDBRecord)).toEqual({ batchItemFailures: [] });
    expect(sent()).toHaveLength(1);
  });
});
