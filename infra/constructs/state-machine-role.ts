import { Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { suppressWildcardRule } from './nag-suppressions.ts';

export interface StateMachineRoleProps {
  /** The state machine that assumes the role. */
  stateMachineArn: string;
  /** The function that it invokes. */
  functionArn: string;
}

/** Role of a state machine that invokes one function. CDK's default role could invoke every version of the function. */
export class StateMachineRole extends Role {
  constructor(scope: Construct, id: string, { stateMachineArn, functionArn }: StateMachineRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Stack.of(scope).account },
          ArnEquals: { 'aws:SourceArn': stateMachineArn },
        },
      }),
    });
    this.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }));
    // A separate policy, so that the suppressed rule applies to nothing else.
    const logAndTrace = new Policy(this, 'LogAndTrace', { roles: [this] });
    const allowAny = (actions: string[]) =>
      logAndTrace.addStatements(new PolicyStatement({ actions, resources: ['*'] }));
    // AWS Step Functions, "IAM Policies for logging to CloudWatch Logs".
    allowAny([
      'logs:CreateLogDelivery',
      'logs:GetLogDelivery',
      'logs:UpdateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:DescribeResourcePolicies',
      'logs:DescribeLogGroups',
    ]);
    // AWS Step Functions, "IAM policies for X-Ray".
    allowAny([
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
    ]);
    suppressWildcardRule(
      logAndTrace,
      '*',
      'Log deliveries and X-Ray support no resource-level permissions (Service Authorization Reference)',
    );
  }
}
