import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { ApplicationLogLevel, Architecture, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import type { ConstructContext } from './construct-context.ts';
import { type KeyUse, keyActions } from './encryption.ts';
import { suppressWildcardRule } from './nag-suppressions.ts';

export interface NodeFunctionProps extends Pick<ConstructContext, 'config' | 'encryption'> {
  /** Folder under `lambdas/` with a `handler.ts` that exports `handler`. */
  folder: 'diff-user' | 'sync-contact' | 'backfill' | 'rotate-token' | 'check-health' | 'send-callback';
  description: string;
  timeout: Duration;
  memorySize: number;
  environment: Record<string, string>;
  reservedConcurrentExecutions?: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * A Lambda function with the settings that all functions of the system share: Node 24 on ARM, one minified ES module with a source map,
 * its own log group, and a role that allows only writing to it. The bundle contains the AWS SDK in the version of package-lock.json,
 * because the runtime's version changes without a deployment.
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
      // Lambda drops lines below this level, whatever the function's logger writes.
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
        // Node reads the map at every cold start, and stack traces need no sources.
        sourcesContent: false,
        // Without this, CDK leaves the AWS SDK to the runtime.
        externalModules: [],
        esbuildArgs: {
          // Replaces the mapping that package.json names with the one of the stack.
          '--alias:#mapping': `${root}${config.mapping}`,
        },
        logLevel: LogLevel.WARNING,
      },
    });
    this.#role = role;
    this.#key = encryption.key;
  }

  /** Allows the function these actions on these resources. */
  allow(actions: string[], ...resources: string[]): void {
    allow(this.#role, actions, ...resources);
  }

  /** Allows the function to use the customer managed key, if there is one, for these purposes. */
  allowKey(...uses: KeyUse[]): void {
    if (this.#key) allow(this.#role, keyActions(uses), this.#key.keyArn);
  }

  /**
   * Allows the function these actions on all resources that match a pattern.
   *
   * @param reason why AWS accepts nothing narrower.
   */
  allowAny(actions: string[], pattern: string, reason: string): void {
    allow(this.#role, actions, pattern);
    suppressWildcardRule(this.#role, pattern, reason);
  }
}

/** Environment variables of a function that respects the quota, see `shared/quota/remaining-quota.ts`. */
export function budgetVariables({ crm, backfill }: Config): Record<string, string> {
  return { LIMITS: JSON.stringify(crm.limits), LIVE_RESERVE: String(backfill.liveReserve) };
}

function allow(role: Role, actions: string[], ...resources: string[]): void {
  role.addToPolicy(new PolicyStatement({ actions, resources }));
}

/** Allows a role to send traces. In a separate policy, so that the suppressed rule applies to nothing else. */
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
    'X-Ray supports no resource-level permissions (Service Authorization Reference, "AWS X-Ray")',
  );
}
