import { Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { suppressWildcardRule } from './nag-suppressions.ts';

export interface StateMachineRoleProps {
  /** Of the state machine that takes the role. */
  stateMachineArn: string;
  /** The one function that it invokes. */
  functionArn: string;
}

/** Role of a state machine that invokes one function, is logged and traced. CDK's own would let it invoke all versions of the function. */
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
    // A policy of its own: what is accepted in it holds for nothing else.
    const watched = new Policy(this, 'LogAndTrace', { roles: [this] });
    const allowAny = (actions: string[]) =>
      watched.addStatements(new PolicyStatement({ actions, resources: ['*'] }));
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
      watched,
      '*',
      'Log deliveries and X-Ray have no resources to name (Service Authorization Reference)',
    );
  }
}
