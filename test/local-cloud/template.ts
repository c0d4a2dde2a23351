import { join } from 'node:path';
import { AssetManifestArtifact, CloudAssembly, UNKNOWN_REGION } from 'aws-cdk-lib/cx-api';
import { z } from 'zod';

/**
 * The template is invalid, or uses a feature that the local cloud does not support. A local run would not show what a deployment does.
 */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** Logical id of the resource, or name of the template's section. */
  readonly logicalId: string;

  constructor(logicalId: string, problem: string) {
    super(`${logicalId}: ${problem}`);
    this.logicalId = logicalId;
  }
}

/** A property of any value that has no effect on this machine, for the reason given. */
export function ignored(reason: string) {
  return z.unknown().optional().describe(reason);
}

const resourceSchema = z.strictObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DependsOn: ignored('references define the order of creation; policies, the usual reason, are not enforced'),
  Metadata: ignored('for tools'),
  DeletionPolicy: ignored('all resources disappear with the process'),
  UpdateReplacePolicy: ignored('resources are never updated'),
});

const outputSchema = z.strictObject({
  Value: z.unknown(),
  Description: ignored('documentation'),
  Export: ignored('there is no other stack'),
});

const templateSchema = z.strictObject({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), outputSchema).default({}),
  Parameters: z.strictObject({ BootstrapVersion: ignored('there is no bootstrap stack') }).default({}),
  Rules: z.strictObject({ CheckBootstrapVersion: ignored('there is no bootstrap stack') }).default({}),
  AWSTemplateFormatVersion: ignored('there is only one'),
  Description: ignored('documentation'),
  Metadata: ignored('for tools'),
});

/** The part of a CloudFormation template that the local cloud supports. */
export type Template = z.output<typeof templateSchema>;

/**
 * Parses a template.
 *
 * @throws TemplateError on conditions, mappings, parameters and anything else that changes the meaning of a template.
 */
export function parseTemplate(template: unknown): Template {
  const parsed = templateSchema.safeParse(template);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [section = 'Template', logicalId] = issue?.path ?? [];
  throw new TemplateError(String(logicalId ?? section), z.prettifyError(parsed.error));
}

/** A stack as `cdk deploy` would ship it. */
export interface SynthesizedStack {
  name: string;
  region: string;
  template: Template;
  /** Directories of the file assets, by the S3 key in the template. */
  assets: ReadonlyMap<string, string>;
}

/** Region of a stack that was synthesized without one. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Reads a stack of a synthesized assembly.
 *
 * @param directory contains `manifest.json`.
 * @param stackName may be omitted when there is only one stack.
 * @throws Error when there is no such assembly or stack; {@link TemplateError} when the template uses an unsupported feature.
 */
export function readAssembly(directory: string, stackName?: string): SynthesizedStack {
  const assembly = new CloudAssembly(directory);
  const stacks = assembly.stacks.filter((each) => stackName === undefined || each.stackName === stackName);
  const [stack] = stacks;
  if (!stack || stacks.length > 1) {
    const names = assembly.stacks.map((each) => each.stackName).join(', ');
    throw new Error(`Name one stack of the assembly ${directory}: it holds ${names || 'none'}.`);
  }
  const files = stack.dependencies
    .filter(AssetManifestArtifact.isAssetManifestArtifact)
    .flatMap((manifest) => Object.values(manifest.contents.files ?? {}));
  const assets = new Map<string, string>();
  for (const { source, destinations } of files) {
    if (source.path === undefined) continue;
    for (const { objectKey } of Object.values(destinations))
      assets.set(objectKey, join(assembly.directory, source.path));
  }
  const { region } = stack.environment;
  return {
    name: stack.stackName,
    region: region === UNKNOWN_REGION ? DEFAULT_REGION : region,
    template: parseTemplate(stack.template),
    assets,
  };
}
