import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import type { BundleSize } from './bundle-sizes.ts';
import { CommandError } from './command-error.ts';

/** Values that every setting of a function takes. */
const URL_VALUE = 'https://example.com/';
const NUMBERS = /^(LIVE_RESERVE|REQUESTS_PER_SECOND|TAG_BATCH|IN_FLIGHT)$/;

/** What a new process loads, and with which environment variables. */
export interface Code {
  what: string;
  url: string;
  environment: Readonly<Record<string, string>>;
}

/** A function's code as it is deployed, with its source map. The AWS SDK is loaded from this project, where Lambda has its own. */
export function functionCode({ path, functionId, variables }: BundleSize): Code {
  const environment = Object.entries(variables).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : NUMBERS.test(name) ? '1' : URL_VALUE,
  ]);
  return {
    what: `The code of ${functionId}`,
    url: pathToFileURL(path).href,
    environment: Object.fromEntries(environment),
  };
}

/** Nothing but the AWS SDK's client of DynamoDB: what no code of ours makes quicker. */
export const SDK_CODE: Code = {
  what: 'The AWS SDK',
  url: import.meta.resolve('@aws-sdk/client-dynamodb'),
  environment: {},
};

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
