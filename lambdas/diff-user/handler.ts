import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import * as z from 'zod/mini';
import { mapping } from '#mapping';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { changeMessage } from './change-message.ts';
import { messageByKey } from './message-by-key.ts';
import { type Image, readChange } from './read-change.ts';
import { type Outgoing, sendInOrder } from './send-in-order.ts';
import '../../shared/zod-messages.ts';

const { SYNC_QUEUE_URL } = z.object({ SYNC_QUEUE_URL: z.url() }).parse(process.env);
const sqs = new SQSClient({ requestHandler });
const logger = new Logger();

/**
 * Sends a message about each change of the user table that affects the CRM: who changed, and why. A record whose message was not sent is
 * a batch item failure, so Lambda delivers it again for as long as the stream keeps it.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>()
  .use(injectLambdaContext(logger))
  .handler(async ({ Records }) => {
    const now = Date.now();
    const outgoing: Outgoing[] = [];
    for (const record of Records) {
      const sequenceNumber = record.dynamodb?.SequenceNumber ?? '';
      const eventId = record.eventID ?? sequenceNumber;
      const message = messageOf(record, now);
      if (message)
        outgoing.push({ message: { ...message, correlationId: eventId }, eventId, sequenceNumber });
    }
    const unsent = await sendInOrder(sqs, SYNC_QUEUE_URL, outgoing);
    for (const { message, eventId, sequenceNumber } of outgoing) {
      if (unsent.includes(sequenceNumber)) continue;
      const { userId, cause, fields, tagsAdded, tagsRemoved, changedAt } = message;
      logger.info('Change sent', {
        userId,
        cause,
        fields,
        tagsAdded,
        tagsRemoved,
        changedAt,
        correlationIds: [eventId],
      });
    }
    if (unsent.length > 0)
      logger.warn('Messages not sent, retry of their records scheduled', { count: unsent.length });
    return { batchItemFailures: unsent.map((itemIdentifier) => ({ itemIdentifier })) };
  });

/**
 * The message about a record, or undefined if it needs none. Never throws: the record would fail again and block its shard until it
 * expires. An error that one user's data causes, such as in a mapping that throws, occurs again in the consumer, where it blocks only
 * that user.
 */
function messageOf(
  { eventID, eventName, dynamodb = {} }: DynamoDBRecord,
  now: number,
): UserMessage | undefined {
  const at = new Date((dynamodb.ApproximateCreationDateTime ?? 0) * 1000).toISOString();
  const [keys, before, after] = [dynamodb.Keys, dynamodb.OldImage, dynamodb.NewImage] as (
    | Image
    | undefined
  )[];
  try {
    return changeMessage(mapping, { ...readChange(before, after), at }, now);
  } catch (error) {
    const record = { eventName, keys, oldImage: before, newImage: after, at };
    const message = messageByKey(record, mapping.marketingConsent?.given);
    logger.error(
      message
        ? 'Change not comparable, sent a message without differences'
        : 'Record without a user id ignored',
      // The message of an error may quote the user's data.
      {
        eventId: eventID,
        userId: message?.userId,
        cause: error instanceof Error ? error.name : typeof error,
      },
    );
    return message;
  }
}
