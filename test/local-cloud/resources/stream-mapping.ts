import { z } from 'zod';
import { TemplateError } from '../assembly/template-error.ts';
import { sqsFailureDestination } from '../event-sources/failure-destination.ts';
import { StreamEventSource } from '../event-sources/stream-event-source.ts';
import { filterOf, mappingProperties, newMapping, queueOf, targetOf } from './mapping-parts.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  ...mappingProperties,
  BatchSize: z.number().min(1).max(10_000).default(100),
  StartingPosition: z.enum(['TRIM_HORIZON', 'LATEST']),
  BisectBatchOnFunctionError: z.boolean().default(false),
  MaximumRetryAttempts: z.number().min(-1).max(10_000).default(-1),
  MaximumRecordAgeInSeconds: z.union([z.literal(-1), z.number().min(60).max(604_800)]).default(-1),
  ParallelizationFactor: z.number().min(1).max(10).default(1),
  DestinationConfig: z
    .strictObject({ OnFailure: z.strictObject({ Destination: z.string() }).optional() })
    .optional(),
});

/** An event source mapping of a table's stream. */
export const streamMapping = resourceType(properties, async (mapping, context) => {
  const { services, logicalId } = context;
  if (!services.streamArns.has(mapping.EventSourceArn))
    throw new TemplateError(
      logicalId,
      `the stream ${mapping.EventSourceArn} belongs to no table of this template. The local cloud has no tables of its own: synthesize without the existing table.`,
    );
  const destination = mapping.DestinationConfig?.OnFailure?.Destination;
  const failureQueue = destination === undefined ? undefined : queueOf(destination, context);
  if (failureQueue?.fifo)
    throw new TemplateError(logicalId, 'the destination of discarded records must be a standard queue');
  const source = new StreamEventSource({
    streams: services.streams,
    streamArn: mapping.EventSourceArn,
    region: services.region,
    position: mapping.StartingPosition,
    target: targetOf(mapping.FunctionName, context),
    batchSize: mapping.BatchSize,
    batchingWindowSeconds: mapping.MaximumBatchingWindowInSeconds,
    parallelizationFactor: mapping.ParallelizationFactor,
    reportBatchItemFailures: mapping.FunctionResponseTypes.length > 0,
    bisectBatchOnFunctionError: mapping.BisectBatchOnFunctionError,
    maximumRetryAttempts: mapping.MaximumRetryAttempts,
    maximumRecordAgeSeconds: mapping.MaximumRecordAgeInSeconds,
    onFailure: failureQueue && sqsFailureDestination(services.sqs, failureQueue.url),
    passes: filterOf(mapping.FilterCriteria, logicalId),
  });
  if (mapping.Enabled) {
    await source.open();
    services.eventSources.set(logicalId, source);
  }
  return newMapping();
});
