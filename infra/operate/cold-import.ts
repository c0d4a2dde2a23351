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
 * How long a new process takes to load a function's code, in milliseconds: the least of seven. The AWS SDK is loaded from this project,
 * where Lambda has its own.
 *
 * @throws CommandError when the code does not load.
 */
export function coldImportMs({ path, functionId, variables }: BundleSize): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(path).href)}); console.log('took ' + (performance.now() - t));`;
  const environment = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : NUMBERS.test(name) ? '1' : URL_VALUE,
    ]),
  );
  const times = Array.from({ length: STARTS }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: process.env['PATH'], AWS_REGION: 'us-east-1', ...environment, NODE_OPTIONS: '' },
      encoding: 'utf8',
    });
    const took = /took ([\d.]+)/.exec(stdout)?.[1];
    if (took === undefined) throw new CommandError(`The code of ${functionId} does not load: ${stderr}`);
    return Number(took);
  });
  return Math.min(...times);
}
