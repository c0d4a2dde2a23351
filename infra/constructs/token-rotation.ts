import { Duration, Stack } from 'aws-cdk-lib';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { CfnRotationSchedule } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';
import { NodeFunction } from './node-function.ts';

export interface TokenRotationProps extends ConstructContext {
  secretArn: string;
}

/** Rotates the OAuth tokens in the CRM's secret long before they expire. Nothing else renews them. */
export class TokenRotation extends Construct {
  readonly rotateToken: NodeFunction;

  constructor(scope: Construct, id: string, { config, encryption, secretArn }: TokenRotationProps) {
    super(scope, id);
    this.rotateToken = new NodeFunction(this, 'RotateToken', {
      folder: 'rotate-token',
      description: "Renews the CRM's OAuth tokens, as the rotation function of its secret",
      timeout: Duration.seconds(180),
      memorySize: 256,
      // A refresh token works once: two concurrent renewals would lock the account out.
      reservedConcurrentExecutions: 1,
      environment: { CRM_URL: config.crm.url },
      config,
      encryption,
    });
    this.rotateToken.allow(
      [
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
      secretArn,
    );
    this.rotateToken.allowKey('readSecret', 'writeSecret');
    const permission = new CfnPermission(this, 'Permission', {
      action: 'lambda:InvokeFunction',
      functionName: this.rotateToken.functionArn,
      principal: 'secretsmanager.amazonaws.com',
      sourceAccount: Stack.of(this).account,
      sourceArn: secretArn,
    });
    // CDK's RotationSchedule would grant the function more permissions.
    const schedule = new CfnRotationSchedule(this, 'Schedule', {
      secretId: secretArn,
      rotationLambdaArn: this.rotateToken.functionArn,
      rotationRules: { scheduleExpression: `rate(${config.crm.tokenRotationHours} hours)` },
      rotateImmediatelyOnUpdate: false,
    });
    schedule.node.addDependency(permission);
    schedule.node.addDependency(this.rotateToken);
  }
}
