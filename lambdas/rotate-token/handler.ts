import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import middy from '@middy/core';
import type { SecretsManagerRotationEvent } from 'aws-lambda';
import * as z from 'zod/mini';
import { AuthorizationLost, refreshPair } from '../../shared/infusionsoft/token-endpoint.ts';
import { rotate } from './rotate.ts';
import { secretVersions } from './secret-versions.ts';
import '../../shared/zod-words.ts';

const { CRM_URL } = z.object({ CRM_URL: z.url() }).parse(process.env);
/** A pair that is not stored is lost for ever, so storing it is tried as long as the function may run. */
const secrets = new SecretsManagerClient({ maxAttempts: 12 });
const logger = new Logger();
const metrics = new Metrics();

/** Renews the OAuth tokens of the CRM: the only one that does, since a refresh token can be used once. */
export const handler = middy<SecretsManagerRotationEvent, void>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async ({ Step, SecretId, ClientRequestToken }) => {
    try {
      await rotate(Step, ClientRequestToken, {
        versions: secretVersions(secrets, SecretId),
        refresh: (secret) => refreshPair(CRM_URL, secret),
        now: Date.now,
      });
      logger.info('Rotation step done', { step: Step, versionId: ClientRequestToken });
      metrics.addMetric('AuthorizationLost', MetricUnit.Count, 0);
    } catch (error) {
      if (error instanceof AuthorizationLost) {
        metrics.addMetric('AuthorizationLost', MetricUnit.Count, 1);
        logger.error('Authorize again: npm run authorize', { step: Step, problem: error.message });
      }
      throw error;
    }
  });
