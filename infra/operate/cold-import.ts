import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { LAYER_MODULES, LAYERS_DIRECTORY } from '../aws-sdk-layer.ts';
import { type FunctionBundle, inLayers } from './bundle-sizes.ts';
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
    code.replaceAll(imported, (_, file: string) => `"${inLayers(file, layers)}"`),
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

/** The same client as the functions have it from their layer. */
export function sdkInLayer({ layers }: FunctionBundle): Code {
  const file = inLayers(LAYER_MODULES[DYNAMODB] ?? '', layers);
  return { ...SDK_PACKAGE, url: pathToFileURL(file).href };
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
