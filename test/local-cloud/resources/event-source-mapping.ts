import { z } from 'zod';
import { TemplateError } from '../assembly/template-error.ts';
import { queueMapping } from './queue-mapping.ts';
import { resourceType } from './resource-type.ts';
import { streamMapping } from './stream-mapping.ts';

const sourceSchema = z.looseObject({ EventSourceArn: z.string() });

/** `AWS::Lambda::EventSourceMapping` of a queue or of a table's stream. */
export const eventSourceMapping = resourceType(sourceSchema, (properties, context) => {
  const service = properties.EventSourceArn.split(':')[2];
  if (service === 'sqs') return queueMapping.create(properties, context);
  if (service === 'dynamodb') return streamMapping.create(properties, context);
  throw new TemplateError(
    context.logicalId,
    `the local cloud has no event source ${properties.EventSourceArn}`,
  );
});
