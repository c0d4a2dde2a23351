import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import middy from '@middy/core';
import type { SecretsManagerRotationEvent } from 'aws-lambda';
import * as z from 'zod/mini';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import {
  AnswerLostError,
  AuthorizationLostError,
  refreshPair,
} from '../../shared/infusionsoft/auth/token-endpoint.ts';
import { STORE_TOKENS_ATTEMPTS } from '../../shared/quota/retry-policy.ts';
import { type RotationMemory, rotate } from './rotate.ts';
import { secretVersions } from './secret-versions.ts';
import '../../shared/zod-messages.ts';

const { CRM_URL } = z.object({ CRM_URL: z.url() }).parse(process.env);
const secrets = new SecretsManagerClient({ requestHandler, maxAttempts: STORE_TOKENS_ATTEMPTS });
const logger = new Logger();
const metrics = new Metrics();
const memory: RotationMemory = {};

/** Renews the OAuth tokens of the CRM. Nothing else may do so, since a refresh token can be used only once. */
export const handler = middy<SecretsManagerRotationEvent, void>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async ({ Step, SecretId, ClientRequestToken }) => {
    try {
      await rotate(Step, ClientRequestToken, {
        versions: secretVersions(secrets, SecretId),
        refresh: (secret) => refreshPair(CRM_URL, secret),
        now: Date.now,
        wait: (ms) => sleep(ms),
        newVersionId: randomUUID,
        memory,
      });
      logger.info('Rotation step completed', { step: Step, versionId: ClientRequestToken });
      metrics.addMetric('AuthorizationLost', MetricUnit.Count, 0);
    } catch (error) {
      if (error instanceof AuthorizationLostError) {
        metrics.addMetric('AuthorizationLost', MetricUnit.Count, 1);
        logger.error('Authorization lost, authorize again: npx --no user-sync authorize', {
          step: Step,
          problem: error.message,
        });
      }
      if (error instanceof AnswerLostError)
        logger.error(
          'The refresh token may be used up: no response to its request. If the next attempt fails with AuthorizationLostError, authorize again: npx --no user-sync authorize',
          { step: Step, problem: error.message },
        );
      if (memory.unstored)
        logger.error('A new token pair could not be stored. Only this environment has it, and retries', {
          step: Step,
        });
      throw error;
    }
  });
