import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AttributeValue, DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Connection } from '../../infra/cli/support/connection-file.ts';
import type { ConfigInput } from '../../infra/config.ts';
import { type CrmSecret, headerOf, parseCrmSecret } from '../../shared/infusionsoft/auth/crm-secret.ts';
import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { readUser } from '../../shared/user/read-user.ts';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../local-cloud/local-cloud.ts';
import { readAssembly, type Template } from '../local-cloud/template.ts';
import { type App, appOn } from './app.ts';
import { FunctionMetrics } from './function-metrics.ts';
import { localAssembly, SECRET_NAME } from './local-assembly.ts';
import { type Output, PersonalData, PersonalDataShownError } from './personal-data.ts';

/** The system on this machine: the stack as it is deployed, and the app that writes to its table. */
export interface LocalSystem {
  cloud: LocalCloud;
  /** With this, commands find the system. */
  connection: Connection;
  app: App;
  metrics: FunctionMetrics;
  /** Lines that the functions wrote, oldest first. */
  logs: string[];
  /** The sync's catalog of the CRM's account. */
  catalog(): Promise<Catalog | undefined>;
  /** All items of both tables, for a later system. */
  items(): Promise<Required<Pick<LocalSystemOptions, 'existingUsers' | 'existingSyncItems'>>>;
  /** The synthesized template. */
  template(): Promise<Template>;
  /** The secret parts of all versions of the CRM's secret. */
  secretValues(): string[];
  /** Number of messages and stream records that failed for good. */
  deadLetters(): Promise<number>;
  /** Personal data in the user table so far. */
  personal: PersonalData;
  /** Records other output, such as that of a command, which may not contain personal data either. */
  recordOutput(output: Output): void;
  /**
   * Stops the system.
   *
   * @throws PersonalDataShownError when logs, metrics, messages, dead letters, executions, the sync's table or recorded output contain
   *   an email, a name or a phone number from the user table.
   */
  stop(): Promise<void>;
}

export interface LocalSystemOptions {
  /** Settings of the stack, as in cdk.json. */
  settings: ConfigInput;
  /** Credentials for the CRM. */
  credentials: CrmSecret;
  /** Options of the local cloud. */
  cloud?: Pick<
    LocalCloudOptions,
    | 'dynamodbLocal'
    | 'visibilityTimeoutSeconds'
    | 'functionEnvironment'
    | 'processorQuotas'
    | 'waitScale'
    | 'variables'
  >;
  /** Users that are in the table before the stack is deployed, so they are in no stream. */
  existingUsers?: readonly Record<string, AttributeValue>[];
  /** Items of the sync's table from an earlier system. */
  existingSyncItems?: readonly Record<string, AttributeValue>[];
}

const DIRECTORY = fileURLToPath(new URL('../../.local/', import.meta.url));

/**
 * Synthesizes the stack and runs it.
 *
 * @throws Error for wrong settings, with the message of the app; when Java is missing, with a hint how to install it.
 */
export async function startLocalSystem({
  settings,
  credentials,
  existingUsers = [],
  existingSyncItems = [],
  cloud: cloudOptions = {},
}: LocalSystemOptions): Promise<LocalSystem> {
  mkdirSync(DIRECTORY, { recursive: true });
  const directory = mkdtempSync(`${DIRECTORY}system-`);
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeDirectory);
  const metrics = new FunctionMetrics();
  const logs: string[] = [];
  const personal = new PersonalData();
  const recordedOutput: Output[] = [];
  for (const item of existingUsers) personal.remember(readUser(unmarshallItem(item)).user);
  const logFile = `${directory}/functions.log`;
  const log = createWriteStream(logFile);
  const crmUrl = settings.crm?.url ?? '';
  const assembly = localAssembly(settings);
  const cloud = await startLocalCloud({
    ...cloudOptions,
    assembly,
    variables: { ...cloudOptions.variables, CRM_URL: crmUrl },
    secrets: { [SECRET_NAME]: JSON.stringify(credentials) },
    existingItems: { Users: existingUsers, SyncTable: existingSyncItems },
    log({ functionName, line }) {
      logs.push(`${functionName} ${line}`);
      log.write(`${functionName} ${line}\n`);
      metrics.read(line);
    },
    onMessage: ({ queueName, message }) =>
      recordedOutput.push({ source: `queue ${queueName}`, text: message }),
  });
  const { outputs } = cloud;
  const sqs = new SQSClient(cloud.sdk('SQS'));
  const dynamodb = new DynamoDBClient(cloud.sdk('DYNAMODB'));
  const waiting = async (QueueUrl: string) => {
    const attributes = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
    );
    return Number(attributes.Attributes?.['ApproximateNumberOfMessages'] ?? 0);
  };
  const everyItem = async (TableName: string) => {
    const items: Record<string, AttributeValue>[] = [];
    for await (const { Items = [] } of paginateScan({ client: dynamodb }, { TableName }))
      items.push(...Items);
    return items;
  };
  return {
    cloud,
    connection: { environment: cloud.environment, outputs: { ...outputs, CrmUrl: crmUrl }, logFile },
    metrics,
    logs,
    app: appOn(dynamodb, outputs['UserTableName'] ?? '', personal),
    catalog: () => syncTable(dynamodb, outputs['SyncTableName'] ?? '').readCatalog(),
    items: async () => ({
      existingUsers: await everyItem(outputs['UserTableName'] ?? ''),
      existingSyncItems: await everyItem(outputs['SyncTableName'] ?? ''),
    }),
    template: async () => readAssembly(await assembly).template,
    secretValues: () => cloud.secretValues(SECRET_NAME).flatMap(tokensOf),
    async deadLetters() {
      const [messages, records] = await Promise.all([
        waiting(outputs['DeadLetterQueueUrl'] ?? ''),
        waiting(outputs['StreamFailureQueueUrl'] ?? ''),
      ]);
      return messages + records;
    },
    personal,
    recordOutput: (output) => recordedOutput.push(output),
    async stop() {
      try {
        const text = JSON.stringify(await everyItem(outputs['SyncTableName'] ?? ''));
        recordedOutput.push({ source: "the sync's table", text });
      } finally {
        sqs.destroy();
        await cloud.stop();
        log.end();
        process.removeListener('exit', removeDirectory);
        removeDirectory();
      }
      const executions = cloud.executions().map((execution) => ({
        source: `execution ${execution.name}`,
        text: JSON.stringify([execution.input, execution.outcome, execution.history]),
      }));
      const written = logs.map((text) => ({ source: 'log', text }));
      const shown = personal.shownIn([...written, ...recordedOutput, ...executions]);
      if (shown.length > 0) throw new PersonalDataShownError(shown);
    },
  };
}

/** The parts of a secret that may not appear anywhere. */
function tokensOf(secret: string): string[] {
  const parsed = parseCrmSecret(secret);
  if (parsed?.kind === 'oauth') return [parsed.clientSecret, parsed.accessToken, parsed.refreshToken];
  return parsed ? [headerOf(parsed)[1].replace('Bearer ', '')] : [];
}
