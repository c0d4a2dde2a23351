import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import type { BundleSize } from './bundle-sizes.ts';
import { CommandError } from './command-error.ts';

/** Starts of a new process, of which the quickest counts: other programs on the machine can only make one slower. */
const STARTS = 7;
/** Values that every setting of a function takes. */
const URL_VALUE = 'https://example.com/';
const NUMBERS = /^(LIVE_RESERVE|REQUESTS_PER_SECOND|TAG_BATCH|IN_FLIGHT)$/;

/**
 * How long a new process takes to load a function's code as it is deployed, with its source map, in milliseconds: the least of seven.
 * The AWS SDK is loaded from this project, where Lambda has its own.
 *
 * @throws CommandError when the code does not load.
 */
export function coldImportMs({ path, functionId, variables }: BundleSize): number {
  const environment = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : NUMBERS.test(name) ? '1' : URL_VALUE,
    ]),
  );
  return importMs(pathToFileURL(path).href, `The code of ${functionId}`, environment);
}

/** The same for nothing but the AWS SDK's client of DynamoDB, in milliseconds: what no code of ours makes quicker. */
export const sdkImportMs = (): number =>
  importMs(import.meta.resolve('@aws-sdk/client-dynamodb'), 'The AWS SDK', {});

function importMs(url: string, what: string, environment: Readonly<Record<string, string>>): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(url)}); console.log('took ' + (performance.now() - t));`;
  const times = Array.from({ length: STARTS }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: process.env['PATH'], AWS_REGION: 'us-east-1', ...environment },
      encoding: 'utf8',
    });
    const took = /took ([\d.]+)/.exec(stdout)?.[1];
    if (took === undefined) throw new CommandError(`${what} does not load: ${stderr}`);
    return Number(took);
  });
  return Math.min(...times);
}
