import { createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
import { type App, appOn } from './app.ts';
import { FunctionMetrics } from './function-metrics.ts';
import { type Output, PersonalData, PersonalDataShownError } from './personal-data.ts';
import { synthesizeApart } from './synthesize-apart.ts';

/** The system on this machine: the stack as it would be deployed, and the app that writes to its table. */
export interface LocalSystem {
  cloud: LocalCloud;
  /** How commands find it. */
  connection: Connection;
  app: App;
  metrics: FunctionMetrics;
  /** Lines that the functions wrote, oldest first. */
  logs: string[];
  /** What the sync knows of the CRM's account. */
  catalog(): Promise<Catalog | undefined>;
  /** All items of both tables, as another deployment would find them. */
  items(): Promise<Required<Pick<LocalSystemOptions, 'existingUsers' | 'existingSyncItems'>>>;
  /** The synthesized template. */
  template(): unknown;
  /** Every version of the CRM's secrets, part by part. */
  secretValues(): string[];
  /** Messages and stream records that nobody could handle. */
  deadLetters(): Promise<number>;
  /** What is known of the people in it. */
  personal: PersonalData;
  /** Takes down what something beside the functions has shown: it may hold nothing of a person either. */
  overhear(output: Output): void;
  /**
   * Ends it.
   * @throws PersonalDataShownError when logs, metrics, messages, dead letters, executions, the sync's table or what was overheard hold
   *   an email, a name or a phone number of anybody who was in the user table.
   */
  stop(): Promise<void>;
}

export interface LocalSystemOptions {
  /** Settings of the stack, as in cdk.json. */
  settings: ConfigInput;
  /** Credentials for the CRM. */
  credentials: CrmSecret;
  /** Options of the local cloud. */
  cloud?: Pick<LocalCloudOptions, 'visibilityTimeoutSeconds' | 'functionEnvironment' | 'processorQuotas'>;
  /** Users that were in the table before the stack: they are in no stream. */
  existingUsers?: readonly Record<string, AttributeValue>[];
  /** Items that were in the sync's table: those of an earlier deployment. */
  existingSyncItems?: readonly Record<string, AttributeValue>[];
}

const DIRECTORY = fileURLToPath(new URL('../../.local/', import.meta.url));

/**
 * Synthesizes the stack and runs it.
 * @throws Error for wrong settings, with what the app says of them; when Java is missing, with the way out.
 */
export async function startLocalSystem({
  settings,
  credentials,
  existingUsers = [],
  existingSyncItems = [],
  cloud: cloudOptions = {},
}: LocalSystemOptions): Promise<LocalSystem> {
  mkdirSync(DIRECTORY, { recursive: true });
  const outdir = mkdtempSync(`${DIRECTORY}assembly-`);
  const removeAssembly = () => rmSync(outdir, { recursive: true, force: true });
  process.once('exit', removeAssembly);
  const metrics = new FunctionMetrics();
  const logs: string[] = [];
  const personal = new PersonalData();
  const overheard: Output[] = [];
  for (const item of existingUsers) personal.remember(readUser(unmarshallItem(item)).user);
  const logFile = `${outdir}/functions.log`;
  const log = createWriteStream(logFile);
  const secretName = 'user-sync/crm';
  await synthesizeApart(
    { ...settings, crm: { ...settings.crm, secretName }, removalPolicy: 'destroy' },
    outdir,
  );
  const cloud = await startLocalCloud({
    ...cloudOptions,
    assembly: outdir,
    secrets: { [secretName]: JSON.stringify(credentials) },
    existingItems: { Users: existingUsers, SyncTable: existingSyncItems },
    log({ functionName, line }) {
      logs.push(`${functionName} ${line}`);
      log.write(`${functionName} ${line}\n`);
      metrics.read(line);
    },
    onMessage: ({ queueName, message }) => overheard.push({ source: `queue ${queueName}`, text: message }),
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
    connection: { environment: cloud.environment, outputs, logFile },
    metrics,
    logs,
    app: appOn(dynamodb, outputs['UserTableName'] ?? '', personal),
    catalog: () => syncTable(dynamodb, outputs['SyncTableName'] ?? '').readCatalog(),
    items: async () => ({
      existingUsers: await everyItem(outputs['UserTableName'] ?? ''),
      existingSyncItems: await everyItem(outputs['SyncTableName'] ?? ''),
    }),
    template: () =>
      JSON.parse(
        readFileSync(
          `${outdir}/${readdirSync(outdir).find((file) => file.endsWith('.template.json'))}`,
          'utf8',
        ),
      ),
    secretValues: () => cloud.secretValues(secretName).flatMap(tokensOf),
    async deadLetters() {
      const [messages, records] = await Promise.all([
        waiting(outputs['DeadLetterQueueUrl'] ?? ''),
        waiting(outputs['StreamFailureQueueUrl'] ?? ''),
      ]);
      return messages + records;
    },
    personal,
    overhear: (output) => overheard.push(output),
    async stop() {
      try {
        const text = JSON.stringify(await everyItem(outputs['SyncTableName'] ?? ''));
        overheard.push({ source: "the sync's table", text });
      } finally {
        sqs.destroy();
        await cloud.stop();
        log.end();
        process.removeListener('exit', removeAssembly);
        removeAssembly();
      }
      const executions = cloud.executions().map((execution) => ({
        source: `execution ${execution.name}`,
        text: JSON.stringify([execution.input, execution.outcome, execution.history]),
      }));
      const written = logs.map((text) => ({ source: 'log', text }));
      const shown = personal.shownIn([...written, ...overheard, ...executions]);
      if (shown.length > 0) throw new PersonalDataShownError(shown);
    },
  };
}

/** The parts of a secret that nobody may see. */
function tokensOf(secret: string): string[] {
  const parsed = parseCrmSecret(secret);
  if (parsed?.kind === 'oauth') return [parsed.clientSecret, parsed.accessToken, parsed.refreshToken];
  return parsed ? [headerOf(parsed)[1].replace('Bearer ', '')] : [];
}
