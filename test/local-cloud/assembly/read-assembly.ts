import { join } from 'node:path';
import { AssetManifestArtifact, CloudAssembly, UNKNOWN_REGION } from 'aws-cdk-lib/cx-api';
import { parseTemplate, type Template } from './template.ts';

/** A stack as `cdk deploy` would ship it. */
export interface SynthesizedStack {
  name: string;
  region: string;
  template: Template;
  /** Directories of the file assets, by the S3 key that the template knows them by. */
  assets: ReadonlyMap<string, string>;
}

/** Region of a stack that is synthesized for any region. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Reads a stack of a synthesized assembly.
 *
 * @param directory holds `manifest.json`.
 * @param stackName may be left out when the assembly holds one stack.
 * @throws when there is no such assembly or stack; {@link TemplateError} when the template uses what the local cloud does not know.
 */
export function readAssembly(directory: string, stackName?: string): SynthesizedStack {
  const assembly = new CloudAssembly(directory);
  const stacks = assembly.stacks.filter((stack) => stackName === undefined || stack.stackName === stackName);
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
