import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { compileEventPattern } from '../event-sources/event-pattern.ts';
import { ignored, TemplateError } from '../template.ts';
import { resourceType } from './resource-type.ts';

const busProperties = z.strictObject({
  Name: z.string(),
  Description: ignored('documentation'),
  KmsKeyIdentifier: ignored('nothing is encrypted'),
  Tags: ignored('no effect on behaviour'),
});

/** `AWS::Events::EventBus`: a bus of the EventBridge emulator. */
export const eventBus = resourceType(busProperties, async ({ Name }, { services }) => {
  const arn = arnOf('events', services.region, `event-bus/${Name}`);
  services.buses.set(arn, []);
  return { ref: Name, attributes: { Arn: arn, Name } };
});

const ruleProperties = z.strictObject({
  EventBusName: z.string(),
  EventPattern: z.record(z.string(), z.unknown()),
  State: z.literal('ENABLED').optional(),
  Targets: z.array(
    z.strictObject({
      Arn: z.string(),
      Id: z.string(),
      InputPath: z.literal('$.detail').optional(),
    }),
  ),
  Name: z.string().optional(),
  Description: ignored('documentation'),
});

/** `AWS::Events::Rule` from a bus of this template to queues of this template. Any other bus or target is an error. */
export const eventRule = resourceType(
  ruleProperties,
  async ({ EventBusName, EventPattern, Targets }, { logicalId, services, physicalName }) => {
    const arn = arnOf('events', services.region, `event-bus/${EventBusName}`);
    const rules = services.buses.get(arn);
    if (!rules) throw new TemplateError(logicalId, `the bus ${EventBusName} is not in this template`);
    for (const { Arn, InputPath } of Targets) {
      const queue = services.queues.get(Arn);
      if (!queue) throw new TemplateError(logicalId, `the queue ${Arn} is not in this template`);
      rules.push({
        passes: compileEventPattern(JSON.stringify(EventPattern)),
        deliver: async (event) => {
          const { detail } = event as { detail: unknown };
          const MessageBody = JSON.stringify(InputPath ? detail : event);
          await services.sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody }));
        },
      });
    }
    const ruleArn = arnOf('events', services.region, `rule/${EventBusName}/${physicalName}`);
    return { ref: physicalName, attributes: { Arn: ruleArn } };
  },
);
