import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  type IScheduleGroup,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
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
import type { ConstructContext } from './construct-context.ts';
import { backfillLogGroupName } from './encryption.ts';
import { budgetVariables, NodeFunction } from './node-function.ts';
import { StateMachineRole } from './state-machine-role.ts';
import type { SyncTable, UserTable } from './tables.ts';

export interface BackfillProps extends ConstructContext {
  userTable: UserTable;
  syncTable: SyncTable;
  /** Shared with live changes. */
  queue: IQueue;
}

/** Errors of the steps that a retry cannot fix. */
const FINAL_ERRORS = ['InvalidInputError', 'MappingDoesNotFitError', 'SupersededError'];

/** Sends messages about existing users to the queue, as fast as the quota and the live changes allow. */
export class Backfill extends Construct {
  readonly stateMachine: StateMachine;
  readonly fn: NodeFunction;

  constructor(scope: Construct, id: string, props: BackfillProps) {
    super(scope, id);
    const { config, encryption, userTable, syncTable, queue } = props;
    const stateMachineName = `${config.stackName}-backfill`;
    const fn = new NodeFunction(this, 'Function', {
      folder: 'backfill',
      description: 'Steps of the backfill: finds users who need a sync and enqueues them',
      timeout: Duration.millis(BACKFILL_FUNCTION_MS),
      memorySize: 512,
      environment: functionEnvironment(props),
      config,
      encryption,
    });
    fn.allow(['dynamodb:Scan', 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable'], userTable.tableArn);
    fn.allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      syncTable.tableArn,
    );
    fn.allow(['sqs:SendMessage'], queue.queueArn);
    fn.allowKey('readTable', 'writeTable', 'sendMessages');
    const arnOf = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({
        service: 'states',
        resource,
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    const stateMachineArn = arnOf('stateMachine', stateMachineName);
    fn.allow(['states:StartExecution'], stateMachineArn);
    fn.allowAny(
      ['states:DescribeExecution'],
      arnOf('execution', `${stateMachineName}:*`),
      'The name of an execution is known only when it runs',
    );
    const role = new StateMachineRole(this, 'StateMachineRole', {
      stateMachineArn,
      functionArn: fn.functionArn,
    });

    this.fn = fn;
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName,
      comment:
        'Brings existing users into the CRM. Input: {"mode": "contacts" | "tags" | "refresh", "dryRun": false}',
      definitionBody: DefinitionBody.fromChainable(this.definition(fn)),
      role: role.withoutPolicyUpdates(),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          logGroupName: backfillLogGroupName(config.stackName),
          ...encryption.ofLogsOrSecret,
          retention: config.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        // Events without input and output, which is the default.
        level: LogLevel.ALL,
      },
    });
    if (config.backfill.refreshSchedule !== 'off')
      this.refreshBy(config.backfill.refreshSchedule, props.scheduleGroup);
  }

  /** start → enqueue, enqueue, wait, enqueue, … → report. The output of every state is the state of the run. */
  private definition(fn: NodeFunction): Choice {
    const step = (id: string, name: string, comment: string) =>
      retried(
        new LambdaInvoke(this, id, {
          lambdaFunction: fn,
          comment,
          payload: TaskInput.fromObject({
            step: name,
            input: JsonPath.entirePayload,
            executionArn: JsonPath.stringAt('$$.Execution.Id'),
            stateMachineArn: JsonPath.stringAt('$$.StateMachine.Id'),
          }),
          outputPath: '$.Payload',
          taskTimeout: Timeout.duration(Duration.millis(BACKFILL_STEP_MS)),
          // CDK's own retries would leave out throttles, see `retried`.
          retryOnServiceExceptions: false,
        }),
      );
    const wait = (id: string, comment: string) =>
      new Wait(this, id, { time: WaitTime.secondsPath('$.waitSeconds'), comment }).next(enqueue);

    const enqueue = step(
      'Enqueue users',
      'enqueue',
      'For 20 seconds: checks which users are done, and enqueues others who need a sync',
    );
    const continued = step(
      'Continue in a new execution',
      'continue',
      'Before the history of this one is full (25,000 events)',
    );
    const report = step('Report', 'report', 'Totals of the run: the output of the execution');
    const next = new Choice(this, 'Next step?', { comment: 'As the last step decided' });
    enqueue.next(
      next
        .when(Condition.stringEquals('$.next', 'enqueue'), enqueue)
        .when(
          Condition.stringEquals('$.next', 'waitForUsers'),
          wait(
            'Wait for users in flight',
            'No user was done lately: the CRM is slow or down, or a user keeps failing',
          ),
        )
        .when(
          Condition.stringEquals('$.next', 'waitForQuota'),
          wait('Wait for the quota', 'Until the quota of the day or the month resets'),
        )
        .when(Condition.stringEquals('$.next', 'continue'), continued.next(new Succeed(this, 'Continued')))
        .otherwise(report.next(new Succeed(this, 'Done'))),
    );
    return new Choice(this, 'New or continued?', { comment: 'The input of a continued run is its state' })
      .when(Condition.isPresent('$.runId'), enqueue)
      .otherwise(
        step('Start the run', 'start', 'Checks the input, and that no other run of its mode is running').next(
          new Choice(this, 'Already running?', { comment: 'A second run of a mode would do nothing' })
            .when(Condition.stringEquals('$.next', 'skip'), new Succeed(this, 'Skipped'))
            .otherwise(enqueue),
        ),
      );
  }

  private refreshBy(expression: string, scheduleGroup: IScheduleGroup): void {
    new Schedule(this, 'DailyRefresh', {
      scheduleGroup,
      description: 'Checks active users again, because some tags depend on time alone',
      schedule: ScheduleExpression.expression(expression),
      target: new StepFunctionsStartExecution(this.stateMachine, {
        input: ScheduleTargetInput.fromObject({ mode: 'refresh' }),
        retryAttempts: SCHEDULE_RETRIES.dailyRefresh,
      }),
    });
  }
}

/**
 * Retries a step on every error except {@link FINAL_ERRORS}: throttles (`Lambda.TooManyRequestsException`), service errors, a function that
 * timed out or died (`Sandbox.Timedout`, `Runtime.ExitError`), a lost answer (`States.Timeout`), and DynamoDB or SQS errors that the
 * function threw. Every step is safe to repeat.
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

function functionEnvironment({ config, userTable, syncTable, queue }: BackfillProps): Record<string, string> {
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
