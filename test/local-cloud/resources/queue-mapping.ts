import { z } from 'zod';
import { TemplateError } from '../assembly/template-error.ts';
import { SqsEventSource } from '../event-sources/sqs-event-source.ts';
import { filterOf, mappingProperties, newMapping, queueOf, targetOf } from './mapping-parts.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  ...mappingProperties,
  BatchSize: z.number().min(1).max(10_000).default(10),
  ScalingConfig: z.strictObject({ MaximumConcurrency: z.number().min(2).max(1000).optional() }).optional(),
});

/** An event source mapping of a queue, with the refusals that Lambda itself has. */
export const queueMapping = resourceType(properties, async (mapping, context) => {
  const { services, logicalId } = context;
  const target = targetOf(mapping.FunctionName, context);
  const queue = queueOf(mapping.EventSourceArn, context);
  if (queue.visibilityTimeoutSeconds < target.timeoutSeconds)
    throw new TemplateError(
      logicalId,
      `Queue visibility timeout: ${queue.visibilityTimeoutSeconds} seconds is less than Function timeout: ${target.timeoutSeconds} seconds`,
    );
  if (queue.fifo && (mapping.BatchSize > 10 || mapping.MaximumBatchingWindowInSeconds > 0))
    throw new TemplateError(logicalId, 'a FIFO queue has batches of 10 at most and no batching window');
  if (mapping.BatchSize > 10 && mapping.MaximumBatchingWindowInSeconds === 0)
    throw new TemplateError(logicalId, 'batches of more than 10 need a batching window');
  const source = new SqsEventSource({
    sqs: services.sqs,
    queue,
    region: services.region,
    target,
    batchSize: mapping.BatchSize,
    batchingWindowSeconds: mapping.MaximumBatchingWindowInSeconds,
    maximumConcurrency: mapping.ScalingConfig?.MaximumConcurrency,
    reportBatchItemFailures: mapping.FunctionResponseTypes.length > 0,
    passes: filterOf(mapping.FilterCriteria, logicalId),
  });
  if (mapping.Enabled) services.eventSources.set(logicalId, source);
  return newMapping();
});
