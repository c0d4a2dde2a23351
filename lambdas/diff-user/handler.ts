import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import * as z from 'zod/mini';
import { mapping } from '#mapping';
import { InvalidUserError } from '../../shared/user/read-user.ts';
import { changeMessage } from './change-message.ts';
import { type Image, readChange } from './read-change.ts';
import { type Outgoing, sendInOrder } from './send-in-order.ts';
import '../../shared/zod-words.ts';

const { SYNC_QUEUE_URL } = z.object({ SYNC_QUEUE_URL: z.url() }).parse(process.env);
const sqs = new SQSClient();
const logger = new Logger();
const metrics = new Metrics();

/**
 * Turns changes of the user table into messages of who changed and why. A record that cannot be read or sent is
 * reported, so that it is read again and in the end goes to the failure queue of the stream; the others are sent.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async ({ Records }) => {
    const now = Date.now();
    const outgoing: Outgoing[] = [];
    const unreadable: string[] = [];
    for (const record of Records) {
      const sequenceNumber = record.dynamodb?.SequenceNumber ?? '';
      try {
        const message = changeMessage(mapping, changeOf(record), now);
        const eventId = record.eventID ?? sequenceNumber;
        if (message)
          outgoing.push({ message: { ...message, correlationId: eventId }, eventId, sequenceNumber });
      } catch (error) {
        if (!(error instanceof InvalidUserError)) throw error;
        logger.error('A stream record holds no user', { eventId: record.eventID, problem: error.message });
        unreadable.push(sequenceNumber);
      }
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
      logger.warn('Messages not sent, their records will be read again', { count: unsent.length });
    metrics.addMetric('ChangesSeen', MetricUnit.Count, Records.length);
    metrics.addMetric('MessagesSent', MetricUnit.Count, outgoing.length - unsent.length);
    return {
      batchItemFailures: [...unreadable, ...unsent].map((itemIdentifier) => ({ itemIdentifier })),
    };
  });

function changeOf({ dynamodb = {} }: DynamoDBRecord) {
  const { OldImage, NewImage } = dynamodb;
  return {
    ...readChange(OldImage as Image | undefined, NewImage as Image | undefined),
    at: new Date((dynamodb.ApproximateCreationDateTime ?? 0) * 1000).toISOString(),
  };
}
