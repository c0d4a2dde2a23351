import { ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { World } from './world.ts';

/** Reads all dead letters, and says which of them the users' own data explains. */
export async function explainDeadLetters(
  sqs: SQSClient,
  outputs: Readonly<Record<string, string>>,
  world: World,
): Promise<{ explained: number; unexplained: string[] }> {
  let explained = 0;
  const unexplained: string[] = [];
  for (const name of ['DeadLetterQueueUrl', 'StreamFailureQueueUrl']) {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: outputs[name] ?? '',
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 600,
          MessageAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) break;
      for (const { Body = '', MessageAttributes } of Messages) {
        const reason = MessageAttributes?.['reason']?.StringValue;
        const userId = /"userId":"([^"]+)"/.exec(Body)?.[1] ?? '';
        if (reason === 'no-usable-email' && world.withoutEmail.has(userId)) explained++;
        else unexplained.push(`${name}: ${userId} ${reason ?? 'without a reason'}`);
      }
    }
  }
  return { explained, unexplained };
}
