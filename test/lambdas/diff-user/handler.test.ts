import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it, vi } from 'vitest';

vi.stubEnv('SYNC_QUEUE_URL', 'https://sqs.local/queue.fifo');
vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
vi.stubEnv('AWS_REGION', 'eu-west-1');
const { handler } = await import('../../../lambdas/diff-user/handler.ts');

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
  const images = { OldImage: image(before), NewImage: image(after) };
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

  it('sends nothing for its own write-back', async () => {
    const ann = { userId: 'ann', email: 'ann@example.com' };
    await run(record(ann, { ...ann, crm: { contactId: 5, tagIds: [1] } }));
    expect(sent()).toEqual([]);
  });

  it('reports a record that holds no user, and sends the others', async () => {
    const poison = record(undefined, { email: 'ann@example.com' });
    const result = await run(poison, record(undefined, { userId: 'bob', email: 'bob@example.com' }));
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: poison.dynamodb?.SequenceNumber }] });
    expect(sent()).toHaveLength(1);
  });

  it('reports a record whose message was not taken', async () => {
    sqs
      .on(SendMessageBatchCommand)
      .resolves({ Failed: [{ Id: '0', Code: 'Throttled', SenderFault: false }] });
    const one = record(undefined, { userId: 'ann', email: 'ann@example.com' });
    expect(await run(one)).toEqual({ batchItemFailures: [{ itemIdentifier: one.dynamodb?.SequenceNumber }] });
  });

  it('reads an item with numbers and sets that are not its own', async () => {
    const item = marshall({ userId: 'ann', email: 'ann@example.com', badges: new Set(['a']) });
    const dynamodb = { SequenceNumber: '9', NewImage: { ...item, huge: { N: '1'.repeat(38) } } };
    expect(await run({ eventID: 'e', dynamodb } as DynamoDBRecord)).toEqual({ batchItemFailures: [] });
    expect(sent()).toHaveLength(1);
  });
});
