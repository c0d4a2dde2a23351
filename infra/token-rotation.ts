import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { CfnRotationSchedule } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Config } from './config.ts';
import { NodeFunction } from './node-function.ts';

export interface TokenRotationProps {
  config: Config;
  secretArn: string;
  /** Name or ARN with which a person authorizes again. */
  secretName: string;
}

/** Renews the OAuth tokens in the CRM's secret, by one writer, long before they expire. */
export class TokenRotation extends Construct {
  readonly rotateToken: NodeFunction;

  constructor(scope: Construct, id: string, { config, secretArn, secretName }: TokenRotationProps) {
    super(scope, id);
    this.rotateToken = new NodeFunction(this, 'RotateToken', {
      folder: 'rotate-token',
      description: "Renews the OAuth tokens of the CRM: a step of the secret's rotation",
      timeout: Duration.seconds(120),
      memorySize: 256,
      // A refresh token can be used once: two at the same time would lock the account out.
      reservedConcurrentExecutions: 1,
      environment: { CRM_URL: config.crm.url },
      config,
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
    const permission = new CfnPermission(this, 'Permission', {
      action: 'lambda:InvokeFunction',
      functionName: this.rotateToken.functionArn,
      principal: 'secretsmanager.amazonaws.com',
      sourceAccount: Stack.of(this).account,
      sourceArn: secretArn,
    });
    // CDK's own RotationSchedule would let the function do more.
    const schedule = new CfnRotationSchedule(this, 'Schedule', {
      secretId: secretArn,
      rotationLambdaArn: this.rotateToken.functionArn,
      rotationRules: { scheduleExpression: `rate(${config.crm.tokenRotationHours} hours)` },
      rotateImmediatelyOnUpdate: false,
    });
    schedule.node.addDependency(permission);
    schedule.node.addDependency(this.rotateToken);
    this.alarms(config, secretName);
  }

  private alarms(config: Config, secretName: string): void {
    const again = `authorize again: npm run authorize -- --secret ${secretName}`;
    const alarm = (id: string, description: string, metric: Metric) =>
      new Alarm(this, id, {
        alarmDescription: description,
        metric,
        threshold: 1,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
    alarm(
      'AuthorizationLost',
      `The CRM does not take the refresh token any more, and messages wait in the queue. A person has to ${again}`,
      new Metric({
        namespace: config.stackName,
        metricName: 'AuthorizationLost',
        dimensionsMap: { service: 'rotate-token' },
        statistic: 'Sum',
        period: Duration.minutes(5),
      }),
    );
    alarm(
      'RotationFailed',
      "The CRM's tokens could not be renewed. Secrets Manager tries again by itself, and the token in use is good for 24 hours " +
        `from its issue; look at the log of the function, and if the access token expires, ${again}`,
      this.rotateToken.metricErrors({ period: Duration.hours(1), statistic: 'Sum' }),
    );
  }
}
