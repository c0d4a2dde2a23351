import * as z from 'zod';
import { arnOf } from '../account.ts';
import { ignored, TemplateError } from '../template.ts';
import { resourceType } from './resource-type.ts';

/** A local run is usually over before a schedule is due. */
const neverFires = ignored('schedules do not fire: start the target instead');

const properties = z.strictObject({
  Name: z.string().optional(),
  GroupName: z.string().default('default'),
  ScheduleExpression: z.string().regex(/^(at|cron|rate)\(.+\)$/, 'must be a schedule expression'),
  Target: z.strictObject({
    Arn: z.string(),
    Input: z.string().refine(isJson, 'must be JSON').optional(),
    SqsParameters: z.strictObject({ MessageGroupId: z.string() }).optional(),
    RoleArn: ignored('there is no access control'),
    RetryPolicy: neverFires,
    DeadLetterConfig: neverFires,
  }),
  ScheduleExpressionTimezone: neverFires,
  FlexibleTimeWindow: neverFires,
  StartDate: neverFires,
  EndDate: neverFires,
  State: neverFires,
  Description: ignored('documentation'),
  KmsKeyArn: ignored('nothing is encrypted'),
});

/** `AWS::Scheduler::Schedule`: checks the target (a state machine, a function or a queue) and its input. The schedule never fires. */
export const schedule = resourceType(properties, async ({ Name, GroupName, Target }, context) => {
  const { logicalId, services, physicalName } = context;
  const functionArns = [...services.functions.values()].map(({ arn }) => arn);
  const isKnown = services.stateMachines.has(Target.Arn) || functionArns.includes(Target.Arn);
  if (!isKnown && !services.queues.has(Target.Arn))
    throw new TemplateError(
      logicalId,
      `the target ${Target.Arn} is not a state machine, function or queue of this template`,
    );
  const name = Name ?? physicalName;
  const arn = arnOf('scheduler', services.region, `schedule/${GroupName}/${name}`);
  return { ref: name, attributes: { Arn: arn } };
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
