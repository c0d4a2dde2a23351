import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { ignored } from '../template.ts';
import { resourceType } from './resource-type.ts';

/** Attributes with the same name in CloudFormation and in the SQS API. */
const attributes = {
  FifoQueue: z.boolean().optional(),
  ContentBasedDeduplication: z.boolean().optional(),
  DelaySeconds: z.coerce.number().optional(),
  MaximumMessageSize: z.coerce.number().optional(),
  MessageRetentionPeriod: z.coerce.number().optional(),
  ReceiveMessageWaitTimeSeconds: z.coerce.number().optional(),
  VisibilityTimeout: z.coerce.number().default(30),
  RedrivePolicy: z
    .strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number() })
    .optional(),
};

const properties = z.strictObject({
  ...attributes,
  QueueName: z.string().optional(),
  DeduplicationScope: ignored('the emulator deduplicates in the whole queue'),
  FifoThroughputLimit: ignored('the emulator has no limit'),
  KmsMasterKeyId: ignored('nothing is encrypted'),
  KmsDataKeyReusePeriodSeconds: ignored('nothing is encrypted'),
  SqsManagedSseEnabled: ignored('nothing is encrypted'),
  RedriveAllowPolicy: ignored('there is no access control'),
  Tags: ignored('no effect on behaviour'),
});

/** `AWS::SQS::Queue`, in the SQS emulator. */
export const queue = resourceType(properties, async (template, { services, physicalName }) => {
  const queue = {
    ...template,
    VisibilityTimeout: services.visibilityTimeoutSeconds ?? template.VisibilityTimeout,
  };
  const fifo = queue.FifoQueue === true;
  const name = queue.QueueName ?? (fifo ? `${physicalName}.fifo` : physicalName);
  const given = Object.keys(attributes).flatMap((key) => {
    const value = queue[key as keyof typeof attributes];
    return value === undefined
      ? []
      : [[key, typeof value === 'object' ? JSON.stringify(value) : String(value)]];
  });
  const { QueueUrl: url = '' } = await services.sqs.send(
    new CreateQueueCommand({ QueueName: name, Attributes: Object.fromEntries(given) }),
  );
  const arn = arnOf('sqs', services.region, name);
  services.queues.set(arn, { url, arn, fifo, visibilityTimeoutSeconds: queue.VisibilityTimeout });
  return { ref: url, attributes: { Arn: arn, QueueName: name, QueueUrl: url } };
});
