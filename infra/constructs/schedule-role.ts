import { Stack } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';

/** A role for schedules of EventBridge Scheduler. Only schedules of this group can use it. */
export function scheduleRole(
  scope: Construct,
  id: string,
  group: IScheduleGroup,
  ...statements: PolicyStatement[]
): Role {
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': Stack.of(scope).account,
          'aws:SourceArn': group.scheduleGroupArn,
        },
      },
    }),
  });
  for (const statement of statements) role.addToPolicy(statement);
  return role;
}
