import { existsSync, readFileSync } from 'node:fs';
import inspector from 'node:inspector';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { LambdaFunction } from '../lambda/lambda-function.ts';
import { ignored, TemplateError } from '../template.ts';
import { type ResourceContext, resourceType } from './resource-type.ts';

const properties = z.strictObject({
  FunctionName: z.string().optional(),
  Code: z.strictObject({ S3Bucket: ignored('assets are read from the assembly'), S3Key: z.string() }),
  Handler: z.string(),
  Runtime: z.literal('nodejs24.x'),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.string()).default({}) }).optional(),
  MemorySize: z.number().default(128),
  Timeout: z.number().default(3),
  ReservedConcurrentExecutions: z.number().optional(),
  PackageType: z.literal('Zip').optional(),
  LoggingConfig: z
    .strictObject({
      LogFormat: z.enum(['JSON', 'Text']).default('Text'),
      LogGroup: ignored('all lines go to one log'),
      ApplicationLogLevel: z.string().optional(),
      SystemLogLevel: ignored('the local cloud logs no platform events'),
    })
    .optional(),
  Architectures: ignored('bundles are JavaScript'),
  Description: ignored('documentation'),
  EphemeralStorage: ignored('functions share /tmp with this machine'),
  KmsKeyArn: ignored('nothing is encrypted'),
  RecursiveLoop: ignored('loops are not detected'),
  Role: ignored('there is no access control'),
  RuntimeManagementConfig: ignored('functions run on the Node.js of this process'),
  Tags: ignored('no effect on behaviour'),
  TracingConfig: ignored('there is no X-Ray'),
});

/** Memory with which a function has one whole processor (AWS Lambda developer guide, "Configure Lambda function memory"). */
const WHOLE_PROCESSOR_MEGABYTES = 1769;

/** `AWS::Lambda::Function`: the bundle in worker threads of this process. */
export const lambdaFunction = resourceType(properties, async (definition, context) => {
  const { logicalId, services, physicalName } = context;
  const name = definition.FunctionName ?? physicalName;
  const arn = arnOf('lambda', services.region, `function:${name}`);
  const bundle = locateBundle(definition.Handler, definition.Code.S3Key, context);
  const { processorQuotas } = services;
  const [, memoryMegabytes = definition.MemorySize] =
    Object.entries(processorQuotas?.memoryMegabytes ?? {}).find(([prefix]) => logicalId.startsWith(prefix)) ??
    [];
  const memory = String(memoryMegabytes);
  const logGroupName = `/aws/lambda/${name}`;
  const own = Object.entries(definition.Environment?.Variables ?? {}).map(([key, value]) => [
    key,
    services.overrides.variable(key) ?? withFunctionEndpoint(value, services),
  ]);
  const { PATH = '' } = process.env;
  const variables: Record<string, string> = {
    PATH,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    LAMBDA_TASK_ROOT: bundle.directory,
    _HANDLER: definition.Handler,
    AWS_EXECUTION_ENV: `AWS_Lambda_${definition.Runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memory,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupName,
    AWS_LAMBDA_LOG_FORMAT: definition.LoggingConfig?.LogFormat ?? 'Text',
    ...(definition.LoggingConfig?.ApplicationLogLevel && {
      AWS_LAMBDA_LOG_LEVEL: definition.LoggingConfig.ApplicationLogLevel,
    }),
    ...services.functionEnvironment,
    ...Object.fromEntries(own),
  };
  const settings = {
    environment: {
      thread: {
        file: bundle.file,
        exportName: bundle.exportName,
        context: {
          functionName: name,
          functionVersion: '$LATEST',
          invokedFunctionArn: arn,
          memoryLimitInMB: memory,
          logGroupName,
          logStreamName: '',
        },
        processor: processorQuotas && {
          directory: processorQuotas.directory,
          share: memoryMegabytes / WHOLE_PROCESSOR_MEGABYTES,
        },
      },
      variables,
      memoryMegabytes,
      onLine: (line: string) => services.log({ functionName: name, line }),
    },
    timeoutSeconds: definition.Timeout,
    // A function that waits at a breakpoint must not be killed.
    isTimeoutEnforced: !isDebugged(),
    reservedConcurrency: definition.ReservedConcurrentExecutions,
  };
  services.functions.set(logicalId, new LambdaFunction(settings));
  return { ref: name, attributes: { Arn: arn } };
});

/** A created function, by name or ARN. @throws TemplateError when it is not in the template. */
export function findFunction(nameOrArn: string, { logicalId, services }: ResourceContext): LambdaFunction {
  const found = [...services.functions.values()].find(
    ({ name, arn }) => name === nameOrArn || arn === nameOrArn,
  );
  if (!found) throw new TemplateError(logicalId, `the function ${nameOrArn} is not in this template`);
  return found;
}

/** Whether this process runs with `--inspect`. */
const isDebugged = (): boolean => inspector.url() !== undefined;

const sourceMapSchema = z.looseObject({ sources: z.array(z.string()) });

/**
 * The source of a bundle, for breakpoints and variables as in the source: `handler.ts` in the bundle's source map. Without one:
 * the bundle itself.
 */
function sourceOf(bundle: string): string {
  const map = `${bundle}.map`;
  if (!existsSync(map)) return bundle;
  const { sources } = sourceMapSchema.parse(JSON.parse(readFileSync(map, 'utf8')));
  const handler = sources.find((source) => source.endsWith('/handler.ts'));
  return handler === undefined ? bundle : join(dirname(bundle), handler);
}

/** Replaces the SQS endpoint in a queue URL with the one of the functions: the SDK sends a request to the host in the queue's URL. */
function withFunctionEndpoint(
  value: string,
  { environment, functionEnvironment }: ResourceContext['services'],
): string {
  const name = 'AWS_ENDPOINT_URL_SQS';
  return value.replace(environment[name] ?? '', functionEnvironment[name] ?? '');
}

function locateBundle(handler: string, assetKey: string, { logicalId, services }: ResourceContext) {
  const directory = services.assets.get(assetKey);
  if (!directory) throw new TemplateError(logicalId, `the assembly has no asset ${assetKey}`);
  const [module = '', exportName = ''] = handler.split('.');
  const file = ['mjs', 'js', 'cjs']
    .map((extension) => join(directory, `${module}.${extension}`))
    .find(existsSync);
  if (!file)
    throw new TemplateError(logicalId, `no module ${module} for the handler ${handler} in ${directory}`);
  return { directory, file: isDebugged() ? sourceOf(file) : file, exportName };
}
