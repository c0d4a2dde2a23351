import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { CloudServices } from '../cloud-services.ts';
import { compileEventPattern, type EventFilter } from '../event-sources/event-pattern.ts';
import { MAX_ENTRIES, SqsEventSource } from '../event-sources/sqs-event-source.ts';
import { sqsFailureDestination } from '../event-sources/stream-delivery.ts';
import { StreamEventSource } from '../event-sources/stream-event-source.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import { ignored, TemplateError } from '../template.ts';
import { findFunction } from './function.ts';
import { type CreatedResource, type ResourceContext, resourceType } from './resource-type.ts';

const sourceSchema = z.looseObject({ EventSourceArn: z.string() });

/** `AWS::Lambda::EventSourceMapping` of a queue or of a table's stream. */
export const eventSourceMapping = resourceType(sourceSchema, (properties, context) => {
  const service = properties.EventSourceArn.split(':')[2];
  if (service === 'sqs') return queueMapping.create(properties, context);
  if (service === 'dynamodb') return streamMapping.create(properties, context);
  throw new TemplateError(
    context.logicalId,
    `the local cloud does not support the event source ${properties.EventSourceArn}`,
  );
});

/** Properties of mappings of queues and of streams. */
const commonProperties = {
  FunctionName: z.string(),
  EventSourceArn: z.string(),
  Enabled: z.boolean().default(true),
  MaximumBatchingWindowInSeconds: z.literal(0).optional(),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  Tags: ignored('no effect on behaviour'),
};

const queueMappingProperties = z.strictObject({
  ...commonProperties,
  BatchSize: z.number().min(1).max(MAX_ENTRIES).default(MAX_ENTRIES),
  ScalingConfig: z.strictObject({ MaximumConcurrency: z.number().min(2).max(1000) }),
});

/** The mapping of a queue. Rejects what Lambda itself rejects. */
const queueMapping = resourceType(queueMappingProperties, async (mapping, context) => {
  const { services, logicalId } = context;
  const target = findFunction(mapping.FunctionName, context);
  const queue = findQueue(mapping.EventSourceArn, context);
  if (queue.visibilityTimeoutSeconds < target.timeoutSeconds)
    throw new TemplateError(
      logicalId,
      `Queue visibility timeout: ${queue.visibilityTimeoutSeconds} seconds is less than Function timeout: ${target.timeoutSeconds} seconds`,
    );
  const source = new SqsEventSource({
    sqs: services.sqs,
    queue,
    region: services.region,
    target,
    batchSize: mapping.BatchSize,
    maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency,
    reportBatchItemFailures: mapping.FunctionResponseTypes.length > 0,
  });
  if (mapping.Enabled) services.eventSources.set(logicalId, source);
  return newMapping(mapping, target, services);
});

const filterCriteria = z
  .strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) })
  .optional();

const streamMappingProperties = z.strictObject({
  ...commonProperties,
  FilterCriteria: filterCriteria,
  BatchSize: z.number().min(1).max(10_000).default(100),
  StartingPosition: z.enum(['TRIM_HORIZON', 'LATEST']),
  BisectBatchOnFunctionError: z.boolean().default(false),
  MaximumRetryAttempts: z.number().min(-1).max(10_000).default(-1),
  MaximumRecordAgeInSeconds: z.union([z.literal(-1), z.number().min(60).max(604_800)]).default(-1),
  ParallelizationFactor: z.literal(1).optional(),
  DestinationConfig: z
    .strictObject({ OnFailure: z.strictObject({ Destination: z.string() }).optional() })
    .optional(),
});

/** The mapping of a table's stream. */
const streamMapping = resourceType(streamMappingProperties, async (mapping, context) => {
  const { services, logicalId } = context;
  if (!services.streamArns.has(mapping.EventSourceArn))
    throw new TemplateError(
      logicalId,
      `the stream ${mapping.EventSourceArn} belongs to no table of this template. The local cloud has no other tables: synthesize without \`userTable\`.`,
    );
  const destination = mapping.DestinationConfig?.OnFailure?.Destination;
  const failureQueue = destination === undefined ? undefined : findQueue(destination, context);
  if (failureQueue?.fifo)
    throw new TemplateError(logicalId, 'the destination of discarded records must be a standard queue');
  const target = findFunction(mapping.FunctionName, context);
  const source = new StreamEventSource({
    streams: services.streams,
    streamArn: mapping.EventSourceArn,
    region: services.region,
    position: mapping.StartingPosition,
    target,
    batchSize: mapping.BatchSize,
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
  return newMapping(mapping, target, services);
});

function newMapping(
  { EventSourceArn, Enabled }: { EventSourceArn: string; Enabled: boolean },
  target: LambdaFunction,
  { mappings }: CloudServices,
): CreatedResource {
  const id = randomUUID();
  const State = Enabled ? 'Enabled' : 'Disabled';
  mappings.set(id, { UUID: id, EventSourceArn, FunctionArn: target.arn, State });
  return { ref: id, attributes: { Id: id } };
}

/** The queue with an ARN. @throws TemplateError when it is not in the template. */
function findQueue(arn: string, { logicalId, services }: ResourceContext) {
  const queue = services.queues.get(arn);
  if (!queue) throw new TemplateError(logicalId, `the queue ${arn} is not in this template`);
  return queue;
}

/** Whether a record passes one of the filters, or there are none. @throws TemplateError on an unsupported operator. */
function filterOf(criteria: z.output<typeof filterCriteria>, logicalId: string): EventFilter {
  const filters = criteria?.Filters.map(({ Pattern }) => {
    try {
      return compileEventPattern(Pattern);
    } catch (error) {
      throw new TemplateError(logicalId, error instanceof Error ? error.message : String(error));
    }
  });
  return (event) => !filters?.length || filters.some((passes) => passes(event));
}
