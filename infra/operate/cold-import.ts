import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { LAYER_MODULES } from '../aws-sdk-layer.ts';
import { LAYERS_DIRECTORY } from '../layers-directory.ts';
import { findInLayers } from '../local/lambda/find-in-layers.ts';
import type { FunctionBundle } from './bundle-sizes.ts';
import { CommandError } from './command-error.ts';

/** Values that every setting of a function takes. */
const URL_VALUE = 'https://example.com/';
const NUMBERS = /^(LIVE_RESERVE|REQUESTS_PER_SECOND|TAG_BATCH|IN_FLIGHT)$/;

const DYNAMODB = '@aws-sdk/client-dynamodb';

/** What a new process loads, and with which environment variables. */
export interface Code {
  what: string;
  url: string;
  environment: Readonly<Record<string, string>>;
}

/**
 * A file with the code of a function as this machine can load it, beside the one that is deployed and with its source map: what that finds
 * under /opt it finds where the layers are here.
 */
export function loadableCode({ path, layers }: FunctionBundle): string {
  const copy = path.replace(/\.mjs$/, '.here.mjs');
  const imported = new RegExp(`"(${LAYERS_DIRECTORY}/[^"]+)"`, 'g');
  const code = readFileSync(path, 'utf8');
  writeFileSync(
    copy,
    code.replaceAll(imported, (_, file: string) => `"${findInLayers(file, layers) ?? file}"`),
  );
  return copy;
}

/** A function's code as it is deployed, with its source map. */
export function functionCode(bundle: FunctionBundle): Code {
  const { id, variables } = bundle;
  const environment = Object.entries(variables).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : NUMBERS.test(name) ? '1' : URL_VALUE,
  ]);
  return {
    what: `The code of ${id}`,
    url: pathToFileURL(loadableCode(bundle)).href,
    environment: Object.fromEntries(environment),
  };
}

/** Nothing but the AWS SDK's client of DynamoDB, as its package is installed here: in place of what the layer has of it. */
export const SDK_PACKAGE: Code = {
  what: 'The AWS SDK',
  url: import.meta.resolve(DYNAMODB),
  environment: {},
};

/** The same client as a function has it from its layer. @throws CommandError when it has none. */
export function sdkInLayer(bundle: FunctionBundle): Code {
  return { ...SDK_PACKAGE, url: pathToFileURL(sdkFile(DYNAMODB, bundle)).href };
}

/** The file of a package of the AWS SDK that a function loads. @throws CommandError when its layers have none. */
export function sdkFile(name: string, { id, layers }: FunctionBundle): string {
  const file = findInLayers(LAYER_MODULES[name] ?? '', layers);
  if (file === undefined) throw new CommandError(`${id} has no ${name} in its layers`);
  return file;
}

/**
 * How long a new process takes to load each code, in milliseconds. The quickest start of each counts, since other programs on the machine
 * can only make one slower, and they start by turns, since that lasts for some seconds at a time.
 *
 * @param starts of a new process with each code.
 * @throws CommandError when a code does not load.
 */
export function coldImportsMs(codes: readonly Code[], starts: number): number[] {
  let least = codes.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < starts; round++)
    least = codes.map((code, index) => Math.min(least[index] ?? Number.POSITIVE_INFINITY, importMs(code)));
  return least;
}

function importMs({ what, url, environment }: Code): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(url)}); console.log('took ' + (performance.now() - t));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], AWS_REGION: 'us-east-1', ...environment },
    encoding: 'utf8',
  });
  const took = /took ([\d.]+)/.exec(stdout)?.[1];
  if (took === undefined) throw new CommandError(`${what} does not load: ${stderr}`);
  return Number(took);
}
