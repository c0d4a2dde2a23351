import * as z from 'zod';
import { arnOf } from '../account.ts';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { resourceType } from './resource-type.ts';

/** A run on one machine seldom lasts until a schedule is due. */
const neverFires = ignored('nothing fires by itself here: start its target instead');

const properties = z.strictObject({
  Name: z.string().optional(),
  GroupName: z.string().default('default'),
  ScheduleExpression: z.string().regex(/^(at|cron|rate)\(.+\)$/, 'not an expression of a schedule'),
  Target: z.strictObject({
    Arn: z.string(),
    Input: z.string().refine(isJson, 'not JSON, which is what its target takes').optional(),
    RoleArn: ignored('there is no access control'),
    RetryPolicy: neverFires,
    DeadLetterConfig: neverFires,
  }),
  ScheduleExpressionTimezone: neverFires,
  FlexibleTimeWindow: neverFires,
  StartDate: neverFires,
  EndDate: neverFires,
  State: neverFires,
  Description: ignored('for people'),
  KmsKeyArn: ignored('data lives in memory'),
});

/** `AWS::Scheduler::Schedule`: its target (a state machine or a function) and what it passes are checked, and it never fires. */
export const schedule = resourceType(properties, async ({ Name, GroupName, Target }, context) => {
  const { logicalId, services, physicalName } = context;
  const functionArns = [...services.functions.values()].map(({ arn }) => arn);
  if (!services.stateMachines.has(Target.Arn) && !functionArns.includes(Target.Arn))
    throw new TemplateError(
      logicalId,
      `its target ${Target.Arn} is no state machine or function of this template`,
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
