import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { anyCloudEventSchema } from '../../shared/events/event-types.ts';
import { callbackDelayMs } from '../../shared/quota/retry-policy.ts';
import { jsonText } from '../../shared/zod-types.ts';
import { type Callback, CallbackError } from './callback.ts';

const bodySchema = z.pipe(jsonText, anyCloudEventSchema);

export interface SendEventsDependencies {
  callback: Callback;
  /** Hides an event in the queue until it is tried again. */
  hide: (record: SQSRecord, seconds: number) => Promise<void>;
  metrics: { countEvent(result: 'delivered' | 'failed'): void };
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/**
 * Sends the events of a batch to the callback, all at once. An event that is not accepted stays in the queue until its next attempt.
 *
 * @returns the events that stay in the queue.
 */
export async function sendEvents(
  records: readonly SQSRecord[],
  { callback, hide, metrics, logger }: SendEventsDependencies,
): Promise<SQSBatchResponse> {
  const kept = await Promise.all(
    records.map(async (record): Promise<string[]> => {
      const attempt = Number(record.attributes.ApproximateReceiveCount);
      const { id, type } = bodySchema.safeParse(record.body).data ?? {};
      try {
        if (id === undefined) throw new CallbackError('Not an event of this system');
        await callback.send(id, record.body);
        metrics.countEvent('delivered');
        logger.info('Event delivered', { id, type, attempt });
        return [];
      } catch (error) {
        metrics.countEvent('failed');
        const seconds = Math.round(callbackDelayMs(attempt) / 1000);
        if (error instanceof CallbackError)
          logger.warn('Event not accepted', {
            id,
            type,
            attempt,
            problem: error.message,
            nextInSeconds: seconds,
          });
        else logger.error('Unexpected error', { id, type, attempt, error });
        // If this fails, the event comes back after the visibility timeout of the queue.
        await hide(record, seconds).catch((hideError: unknown) =>
          logger.error('Could not update the queue', { id, error: hideError }),
        );
        return [record.messageId];
      }
    }),
  );
  return { batchItemFailures: kept.flat().map((itemIdentifier) => ({ itemIdentifier })) };
}
