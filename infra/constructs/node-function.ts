import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { ApplicationLogLevel, Architecture, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';
import { type KeyUse, keyActions } from './encryption.ts';
import { suppressWildcardRule } from './nag-suppressions.ts';

export interface NodeFunctionProps extends ConstructContext {
  /** Folder under `lambdas/` with a `handler.ts` that exports `handler`. */
  folder: 'diff-user' | 'sync-contact' | 'backfill' | 'rotate-token' | 'check-health';
  description: string;
  timeout: Duration;
  memorySize: number;
  environment: Record<string, string>;
  reservedConcurrentExecutions?: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * A function as all of this system are: Node 24 on ARM, an ES module bundled by the local esbuild, minified with source
 * maps, with a log group of its own and a role that may do nothing but write to it. The bundle has what the function
 * uses of the AWS SDK, in the version of package-lock.json: the runtime's own version changes without a deploy.
 */
export class NodeFunction extends NodejsFunction {
  readonly #role: Role;
  readonly #key: IKey | undefined;

  constructor(scope: Construct, id: string, props: NodeFunctionProps) {
    const { folder, config, encryption, environment, ...given } = props;
    const logGroup = new LogGroup(scope, `${id}Logs`, {
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
      ...encryption.ofLogsOrSecret,
    });
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    allow(role, ['logs:CreateLogStream', 'logs:PutLogEvents'], logGroup.logGroupArn);
    if (config.tracing) allowTracing(role);
    super(scope, id, {
      ...given,
      entry: `${root}lambdas/${folder}/handler.ts`,
      projectRoot: root,
      depsLockFilePath: `${root}package-lock.json`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // Lambda drops what is below, whatever the logger of the function says.
      applicationLogLevelV2: ApplicationLogLevel[config.logLevel],
      tracing: config.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      environment: {
        POWERTOOLS_SERVICE_NAME: folder,
        POWERTOOLS_METRICS_NAMESPACE: config.stackName,
        POWERTOOLS_LOG_LEVEL: config.logLevel,
        NODE_OPTIONS: '--enable-source-maps',
        ...environment,
      },
      bundling: {
        format: OutputFormat.ESM,
        mainFields: ['module', 'main'],
        target: 'node24',
        minify: true,
        sourceMap: true,
        // Node reads the map with the code, at every cold start: places are enough for a stack.
        sourcesContent: false,
        // CDK's default leaves the AWS SDK to the runtime.
        externalModules: [],
        esbuildArgs: {
          // Each stack has its own mapping in place of the one that package.json names.
          '--alias:#mapping': `${root}${config.mapping}`,
        },
        logLevel: LogLevel.WARNING,
      },
    });
    this.#role = role;
    this.#key = encryption.key;
  }

  /** Lets the function do exactly these actions on exactly these resources. */
  allow(actions: string[], ...resources: string[]): void {
    allow(this.#role, actions, ...resources);
  }

  /** Lets the function use the key of the settings, if there is one, for what it does with encrypted resources. */
  allowKey(...uses: KeyUse[]): void {
    if (this.#key) allow(this.#role, keyActions(uses), this.#key.keyArn);
  }

  /** Lets the function do these actions on what matches a pattern, which AWS lets nobody narrow for the reason given. */
  allowAny(actions: string[], pattern: string, reason: string): void {
    allow(this.#role, actions, pattern);
    suppressWildcardRule(this.#role, pattern, reason);
  }
}

function allow(role: Role, actions: string[], ...resources: string[]): void {
  role.addToPolicy(new PolicyStatement({ actions, resources }));
}

/** Lets a role send traces, by a policy of its own: what is accepted in it holds for nothing else. */
function allowTracing(role: Role): void {
  const trace = new Policy(role, 'Trace', { roles: [role] });
  trace.addStatements(
    new PolicyStatement({
      actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
      resources: ['*'],
    }),
  );
  suppressWildcardRule(
    trace,
    '*',
    'X-Ray has no resources to name (Service Authorization Reference, "AWS X-Ray")',
  );
}
