import type { SQSClient } from '@aws-sdk/client-sqs';
import { sendAll } from '../queue/send-batch.ts';
import { POLL_GROUP, type PollMessage } from '../sync/message.ts';

/** Sends a message that starts or continues a poll. It runs after the other polls that wait. */
export async function sendPoll(sqs: SQSClient, queueUrl: string, message: PollMessage): Promise<void> {
  const { poll, scheduledAt, part = 0 } = message;
  const deduplicationId = `${poll}-${scheduledAt}-${part}`.replaceAll(':', '');
  await sendAll(sqs, queueUrl, [{ message, groupId: POLL_GROUP, deduplicationId }]);
}
