import type { SQSClient } from '@aws-sdk/client-sqs';
import { receiveAll } from '../../infra/cli/receive-all.ts';
import type { World } from './world.ts';

/** Reads all dead letters. One is explained if the user had no usable email. */
export async function explainDeadLetters(
  sqs: SQSClient,
  outputs: Readonly<Record<string, string>>,
  world: World,
): Promise<{ explained: number; unexplained: string[] }> {
  let explained = 0;
  const unexplained: string[] = [];
  for (const name of ['DeadLetterQueueUrl', 'StreamFailureQueueUrl']) {
    for await (const messages of receiveAll(sqs, outputs[name] ?? '', { MessageAttributeNames: ['All'] })) {
      for (const { Body = '', MessageAttributes } of messages) {
        const reason = MessageAttributes?.['reason']?.StringValue;
        const userId = /"userId":"([^"]+)"/.exec(Body)?.[1] ?? '';
        if (reason === 'no-usable-email' && world.withoutEmail.has(userId)) explained++;
        else unexplained.push(`${name}: ${userId} ${reason ?? 'no reason'}`);
      }
    }
  }
  return { explained, unexplained };
}
