import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import * as z from 'zod/mini';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { filledText } from '../../shared/zod-types.ts';
import { signedCallback } from './callback.ts';
import { sendEvents } from './send-events.ts';
import '../../shared/zod-messages.ts';

const settings = z
  .object({ CALLBACK_URL: z.url(), CALLBACK_SECRET_ID: filledText, CALLBACK_QUEUE_URL: z.url() })
  .parse(process.env);
const secrets = new SecretsManagerClient({ requestHandler });
const sqs = new SQSClient({ requestHandler });
const logger = new Logger();
const metrics = new Metrics();

/** How long a secret is cached, in milliseconds. A new secret is in use after this time at the latest. */
const SECRET_VALID_MS = 5 * 60_000;
let secret: { value: string; readAt: number } | undefined;

async function readSecret(): Promise<string> {
  if (secret && Date.now() - secret.readAt < SECRET_VALID_MS) return secret.value;
  const { SecretString } = await secrets.send(
    new GetSecretValueCommand({ SecretId: settings.CALLBACK_SECRET_ID }),
  );
  secret = { value: filledText.parse(SecretString), readAt: Date.now() };
  return secret.value;
}

const callback = signedCallback({ url: settings.CALLBACK_URL, secret: readSecret, now: Date.now });

/** Sends events to the callback of the app. */
export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(({ Records }) =>
    sendEvents(Records, {
      callback,
      hide: async ({ receiptHandle: ReceiptHandle }, VisibilityTimeout) => {
        await sqs.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: settings.CALLBACK_QUEUE_URL,
            ReceiptHandle,
            VisibilityTimeout,
          }),
        );
      },
      metrics: { countEvent: (result) => void metrics.addMetric(`Events.${result}`, MetricUnit.Count, 1) },
      logger,
    }),
  );
