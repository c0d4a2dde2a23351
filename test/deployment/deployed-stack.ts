import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SFNClient } from '@aws-sdk/client-sfn';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import type { Report } from '../../lambdas/backfill/run.ts';
import { type App, appOn } from '../demo/app.ts';
import { PersonalData } from '../demo/personal-data.ts';
import type { simulatorClient } from '../demo/simulator-client.ts';
import { shownOf, type Verification, verify } from '../demo/verify.ts';

/** Options of an SDK client. */
export function sdkOf({ AWS_ENDPOINT_URL = '', AWS_REGION = '' }: Record<string, string>) {
  return {
    endpoint: AWS_ENDPOINT_URL,
    region: AWS_REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
}

/** A deployed stack: its outputs, user table and state machine. */
export class DeployedStack {
  readonly outputs: Readonly<Record<string, string>>;
  readonly app: App;
  readonly #environment: Record<string, string>;

  private constructor(environment: Record<string, string>, outputs: Readonly<Record<string, string>>) {
    this.#environment = environment;
    this.outputs = outputs;
    this.app = appOn(
      new DynamoDBClient(sdkOf(environment)),
      this.output('UserTableName'),
      new PersonalData(),
    );
  }

  /** @throws Error when there is no such stack. */
  static async find(environment: Record<string, string>, name: string): Promise<DeployedStack> {
    const client = new CloudFormationClient(sdkOf(environment));
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return new DeployedStack(
      environment,
      Object.fromEntries(
        (stack?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
      ),
    );
  }

  output(name: string): string {
    const value = this.outputs[name];
    if (!value) throw new Error(`The stack has no output ${name}`);
    return value;
  }

  /** Starts a backfill by the Step Functions API, like the console, and waits for its report. */
  async backfill(input: unknown): Promise<Report> {
    const sfn = new SFNClient(sdkOf(this.#environment));
    const arn = await startBackfill(sfn, this.output('BackfillStateMachineArn'), input);
    return (await followBackfill(sfn, arn, 500, () => {})).report;
  }

  /** Compares every user of the table with the contacts in the CRM. */
  async verify(controlApi: ReturnType<typeof simulatorClient>): Promise<Verification & { users: number }> {
    const users = await this.app.users();
    const contacts = (await controlApi.contacts()).map(shownOf);
    const found = verify({ users, contacts, existing: [], deletedContactIds: [], now: Date.now() });
    return { ...found, users: users.length };
  }
}
