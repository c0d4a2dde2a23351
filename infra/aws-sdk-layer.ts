import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage, Stack, Stage } from 'aws-cdk-lib';
import { Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { LAYERS_DIRECTORY } from './layers-directory.ts';
import { metafileName } from './metafile-name.ts';

/** Packages of the AWS SDK in the layer. What functions use of each is named in `aws-sdk/`, and a test holds it against their imports. */
const PACKAGES = ['client-dynamodb', 'client-secrets-manager', 'client-sfn', 'client-sqs', 'util-dynamodb'];
/** What the clients load for things that no function does: to take browsers' user agents apart, and events from a stream. */
const LEFT_OUT = ['bowser', '@smithy/core/event-streams'];

const NAME = 'aws-sdk';
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'infra', NAME);

/** Where a function finds each package of the layer. */
export const LAYER_MODULES: Readonly<Record<string, string>> = Object.fromEntries(
  PACKAGES.map((name) => [`@aws-sdk/${name}`, `${LAYERS_DIRECTORY}/${NAME}/${name}.mjs`]),
);

/**
 * The clients of the AWS SDK for all functions of a stack, as ES modules that share what they have in common: they load in half the time
 * that npm's packages take (`npm run bench -- --only code`). Which version Lambda has of its own changes without a deploy; this one is
 * that of package-lock.json.
 */
export class AwsSdkLayer extends LayerVersion {
  /** The layer of the stack that a construct is in: there is one. */
  static of(scope: Construct): AwsSdkLayer {
    const stack = Stack.of(scope);
    const id = 'AwsSdk';
    return (stack.node.tryFindChild(id) as AwsSdkLayer | undefined) ?? new AwsSdkLayer(stack, id);
  }

  private constructor(scope: Construct, id: string) {
    const assembly = Stage.of(scope)?.outdir;
    super(scope, id, {
      description: 'What the functions use of the AWS SDK',
      code: Code.fromAsset(SOURCES, {
        assetHashType: AssetHashType.OUTPUT,
        bundling: {
          image: DockerImage.fromRegistry('none: it is bundled by the local esbuild'),
          local: {
            tryBundle(directory) {
              const metafile = bundle(join(directory, NAME));
              if (assembly) writeFileSync(join(assembly, metafileName(NAME)), JSON.stringify(metafile));
              return true;
            },
          },
        },
      }),
    });
  }
}

function bundle(outdir: string) {
  return buildSync({
    absWorkingDir: ROOT,
    entryPoints: PACKAGES.map((name) => join(SOURCES, `${name}.ts`)),
    alias: { '@aws-sdk/credential-provider-node': join(SOURCES, 'credential-provider-node.ts') },
    external: LEFT_OUT,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
  }).metafile;
}
