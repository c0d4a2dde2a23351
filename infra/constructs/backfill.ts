import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import {
  Choice,
  Condition,
  DefinitionBody,
  Errors,
  JitterType,
  JsonPath,
  LogLevel,
  StateMachine,
  Succeed,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { inFlightFor, paceFor, requestsPerSecond } from '../../shared/quota/pace.ts';
import {
  BACKFILL_FUNCTION_MS,
  BACKFILL_STEP_MS,
  BACKFILL_STEP_RETRY,
  SCHEDULE_RETRIES,
} from '../../shared/quota/retry-policy.ts';
import { backfillLogGroupName } from './backfill-log-group-name.ts';
import { budgetVariables } from './budget-variables.ts';
import type { ConstructContext } from './construct-context.ts';
import { NodeFunction } from './node-function.ts';
import { StateMachineRole } from './state-machine-role.ts';
import type { SyncTable } from './sync-table.ts';
import type { UserTable } from './user-table.ts';

export interface BackfillProps extends ConstructContext {
  userTable: UserTable;
  syncTable: SyncTable;
  /** The queue of the live changes too. */
  queue: IQueue;
}

/** What the steps throw when a retry cannot help. */
const FINAL_ERRORS = ['InvalidInputError', 'MappingDoesNotFitError', 'SupersededError'];

/** Existing users → messages in the same queue, as fast as the quota and the live changes allow. */
export class Backfill extends Construct {
  readonly stateMachine: StateMachine;
  readonly feeder: NodeFunction;

  constructor(scope: Construct, id: string, props: BackfillProps) {
    super(scope, id);
    const { config, encryption, userTable, syncTable, queue } = props;
    const stateMachineName = `${config.stackName}-backfill`;
    const feeder = new NodeFunction(this, 'Feeder', {
      folder: 'backfill',
      description: 'Steps of the backfill: looks for users who need it and sends them to the queue',
      timeout: Duration.millis(BACKFILL_FUNCTION_MS),
      memorySize: 512,
      environment: feederEnvironment(props),
      config,
      encryption,
    });
    feeder.allow(['dynamodb:Scan', 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable'], userTable.tableArn);
    feeder.allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      syncTable.tableArn,
    );
    feeder.allow(['sqs:SendMessage'], queue.queueArn);
    feeder.allowKey('readTable', 'writeTable', 'sendMessages');
    const arnOf = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({
        service: 'states',
        resource,
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    const stateMachineArn = arnOf('stateMachine', stateMachineName);
    feeder.allow(['states:StartExecution'], stateMachineArn);
    feeder.allowAny(
      ['states:DescribeExecution'],
      arnOf('execution', `${stateMachineName}:*`),
      'An execution of the one state machine has a name only when it runs',
    );
    const role = new StateMachineRole(this, 'StateMachineRole', {
      stateMachineArn,
      functionArn: feeder.functionArn,
    });

    this.feeder = feeder;
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName,
      comment:
        'Brings existing users into the CRM. Input: {"mode": "contacts" | "tags" | "refresh", "dryRun": false}',
      definitionBody: DefinitionBody.fromChainable(this.definition(feeder)),
      role: role.withoutPolicyUpdates(),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          logGroupName: backfillLogGroupName(config.stackName),
          ...encryption.ofLogsOrSecret,
          retention: config.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        // Without the data of the executions: that stays off unless somebody asks for it.
        level: LogLevel.ALL,
      },
    });
    if (config.backfill.refreshSchedule !== 'off') this.refreshBy(config.backfill.refreshSchedule);
  }

  /** plan → feed, feed, wait, feed, … → report. The output of every state is the run so far. */
  private definition(feeder: NodeFunction): Choice {
    const step = (id: string, name: string, comment: string) =>
      retried(
        new LambdaInvoke(this, id, {
          lambdaFunction: feeder,
          comment,
          payload: TaskInput.fromObject({
            step: name,
            input: JsonPath.entirePayload,
            executionArn: JsonPath.stringAt('$$.Execution.Id'),
            stateMachineArn: JsonPath.stringAt('$$.StateMachine.Id'),
          }),
          outputPath: '$.Payload',
          taskTimeout: Timeout.duration(Duration.millis(BACKFILL_STEP_MS)),
          // It would leave out throttles, see `retried`.
          retryOnServiceExceptions: false,
        }),
      );
    const wait = (id: string, comment: string) =>
      new Wait(this, id, { time: WaitTime.secondsPath('$.waitSeconds'), comment }).next(feed);

    const feed = step(
      'Feed',
      'feed',
      'For some seconds: looks who is done, and sends the next users who need it',
    );
    const goOn = step(
      'Go on as a new execution',
      'continue',
      'Before the history of this one is full (25,000 events)',
    );
    const report = step('Report', 'report', 'What the run came to: the output of the execution');
    const next = new Choice(this, 'What next?', { comment: 'As the feeder decided' });
    feed.next(
      next
        .when(Condition.stringEquals('$.next', 'feed'), feed)
        .when(
          Condition.stringEquals('$.next', 'drain'),
          wait('Wait for users in flight', 'While nothing goes on: the CRM is slow or down, or a user fails'),
        )
        .when(
          Condition.stringEquals('$.next', 'quota'),
          wait('Wait for the quota', 'Until the day or the month begins anew (UTC)'),
        )
        .when(Condition.stringEquals('$.next', 'continue'), goOn.next(new Succeed(this, 'Continued')))
        .otherwise(report.next(new Succeed(this, 'Done'))),
    );
    return new Choice(this, 'New or continued?', { comment: 'A continued run brings where it stands' })
      .when(Condition.isPresent('$.runId'), feed)
      .otherwise(
        step('Plan the run', 'plan', 'Checks the input, and that no other run of the mode goes on').next(
          new Choice(this, 'Already running?', { comment: 'A second run has nothing to add' })
            .when(Condition.stringEquals('$.next', 'skip'), new Succeed(this, 'Skipped'))
            .otherwise(feed),
        ),
      );
  }

  private refreshBy(expression: string): void {
    new Schedule(this, 'DailyRefresh', {
      description: 'Looks at active users again: some tags depend on time alone',
      schedule: ScheduleExpression.expression(expression),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: ScheduleTargetInput.fromObject({ mode: 'refresh' }),
        retryAttempts: SCHEDULE_RETRIES.dailyRefresh,
      }),
    });
  }
}

/**
 * Retries a step whatever failed, unless a retry cannot help: throttles (`Lambda.TooManyRequestsException`), errors of the service, a
 * function that ran out of time or died (`Sandbox.Timedout`, `Runtime.ExitError`), an answer that was lost (`States.Timeout`), and errors of
 * DynamoDB or SQS that the function threw. All steps can be repeated.
 */
function retried(step: LambdaInvoke): LambdaInvoke {
  step.addRetry({ errors: FINAL_ERRORS, maxAttempts: 0 });
  step.addRetry({
    errors: [Errors.ALL],
    interval: Duration.millis(BACKFILL_STEP_RETRY.intervalMs),
    backoffRate: BACKFILL_STEP_RETRY.backoffRate,
    maxAttempts: BACKFILL_STEP_RETRY.maxAttempts,
    maxDelay: Duration.millis(BACKFILL_STEP_RETRY.maxDelayMs),
    jitterStrategy: JitterType.FULL,
  });
  return step;
}

function feederEnvironment({ config, userTable, syncTable, queue }: BackfillProps): Record<string, string> {
  const pace = paceFor(config.crm);
  return {
    USER_TABLE: userTable.tableName,
    SYNC_TABLE: syncTable.tableName,
    SYNC_QUEUE_URL: queue.queueUrl,
    REQUESTS_PER_SECOND: String(requestsPerSecond(pace)),
    IN_FLIGHT: String(inFlightFor(config.crm)),
    TAG_BATCH: String(config.crm.tagBatch),
    ...budgetVariables(config),
  };
}
