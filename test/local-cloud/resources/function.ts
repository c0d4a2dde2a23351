import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { LambdaFunction } from '../lambda/lambda-function.ts';
import { assetDirectory } from './asset-directory.ts';
import { type ResourceContext, resourceType } from './resource-type.ts';

const properties = z.strictObject({
  FunctionName: z.string().optional(),
  Code: z.strictObject({ S3Bucket: ignored('assets are read from the assembly'), S3Key: z.string() }),
  Handler: z.string(),
  Runtime: z.enum(['nodejs22.x', 'nodejs24.x']),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.string()).default({}) }).optional(),
  MemorySize: z.number().default(128),
  Timeout: z.number().default(3),
  ReservedConcurrentExecutions: z.number().optional(),
  PackageType: z.literal('Zip').optional(),
  LoggingConfig: z
    .strictObject({
      LogFormat: z.enum(['JSON', 'Text']).default('Text'),
      LogGroup: ignored('lines go to one log'),
      ApplicationLogLevel: z.string().optional(),
      SystemLogLevel: ignored('the local cloud writes no lines of its own'),
    })
    .optional(),
  Architectures: ignored('bundles are JavaScript'),
  Description: ignored('for people'),
  EphemeralStorage: ignored('/tmp is the machine’s'),
  KmsKeyArn: ignored('data lives in memory'),
  RecursiveLoop: ignored('loops are not looked for'),
  Role: ignored('there is no access control'),
  RuntimeManagementConfig: ignored('the runtime is this Node'),
  Tags: ignored('no behaviour'),
  TracingConfig: ignored('there is no X-Ray'),
});

/** Memory with which a function has one whole processor (AWS Lambda developer guide, "Configure Lambda function memory"). */
const WHOLE_PROCESSOR_MEGABYTES = 1769;

/** `AWS::Lambda::Function`: the bundle in threads of this process. */
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
  const given = Object.entries(definition.Environment?.Variables ?? {}).map(([key, value]) => [
    key,
    services.overrides.variable(key) ?? asFunctionsSee(value, services),
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
    ...Object.fromEntries(given),
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
    reservedConcurrency: definition.ReservedConcurrentExecutions,
  };
  services.functions.set(logicalId, new LambdaFunction(settings));
  return { ref: name, attributes: { Arn: arn } };
});

/** A queue's URL leads where the SDK of the functions finds SQS: a call to a queue goes to the host in its URL. */
function asFunctionsSee(
  value: string,
  { environment, functionEnvironment }: ResourceContext['services'],
): string {
  const name = 'AWS_ENDPOINT_URL_SQS';
  return value.replace(environment[name] ?? '', functionEnvironment[name] ?? '');
}

function locateBundle(handler: string, assetKey: string, context: ResourceContext) {
  const directory = assetDirectory(assetKey, context);
  const [module = '', exportName = ''] = handler.split('.');
  const file = ['mjs', 'js', 'cjs']
    .map((extension) => join(directory, `${module}.${extension}`))
    .find(existsSync);
  if (!file)
    throw new TemplateError(
      context.logicalId,
      `no module ${module} for the handler ${handler} in ${directory}`,
    );
  return { directory, file, exportName };
}
