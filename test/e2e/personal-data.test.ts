import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { PersonalDataShownError } from '../demo/personal-data.ts';
import { population } from '../demo/population.ts';
import { startSimulatedSystem } from '../demo/simulated-system.ts';

const [PERSON] = population(1, 71, Date.now()).users;

it('a run fails when personal data appears in a log, message, execution, record or command, with the place', async () => {
  const { system, stop } = await startSimulatedSystem({ settings: {} });
  const { cloud, app } = system;
  const { userId = '', email = '', phone = '', firstName = '', lastName = '' } = PERSON ?? {};
  await app.signUp({ userId, email, phone: `${phone || '+16465551000'}`, firstName, lastName });
  await cloud.untilIdle(60_000);

  const record = { messageId: email, body: 'no message of this system', receiptHandle: 'none' };
  const attributes = { MessageGroupId: 'none', ApproximateReceiveCount: '1' };
  await cloud.invoke(cloud.outputs['SyncContactFunctionName'] ?? '', {
    Records: [{ ...record, attributes, messageAttributes: {} }],
  });
  await new SQSClient(cloud.sdk('SQS')).send(
    new SendMessageCommand({
      QueueUrl: cloud.outputs['StreamFailureQueueUrl'] ?? '',
      MessageBody: JSON.stringify({ firstName }),
    }),
  );
  await new SFNClient(cloud.sdk('SFN')).send(
    new StartExecutionCommand({
      stateMachineArn: cloud.outputs['BackfillStateMachineArn'] ?? '',
      input: JSON.stringify({ mode: lastName }),
    }),
  );
  await new DynamoDBClient(cloud.sdk('DYNAMODB')).send(
    new PutItemCommand({
      TableName: cloud.outputs['SyncTableName'] ?? '',
      Item: { id: { S: 'any' }, phone: { S: '(646) 555-1000' } },
    }),
  );
  system.recordOutput({ source: 'npm run any', text: `Looked at ${email.toUpperCase()}` });

  const failure: unknown = await stop().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(PersonalDataShownError);
  for (const place of [
    /^log: /m,
    /^queue .*Failure/m,
    /^execution /m,
    /^the sync's table: /m,
    /^npm run any: /m,
  ])
    expect(String(failure)).toMatch(place);
});
