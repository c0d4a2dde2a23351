import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import type { FunctionBundle } from './function-bundles.ts';

/** Replaces references of the template: a value that every setting of a function accepts. */
const URL_VALUE = 'https://example.com/';

/**
 * Measures how long a new process takes to import each bundle, in milliseconds. The fastest of several processes counts, because other
 * programs can only slow an import down. The bundles take turns, because such a slowdown lasts for seconds.
 *
 * @param processes new processes per bundle.
 * @throws Error if a bundle does not load.
 */
export function coldImportsMs(bundles: readonly FunctionBundle[], processes: number): number[] {
  let fastest = bundles.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < processes; round++)
    fastest = bundles.map((bundle, index) =>
      Math.min(fastest[index] ?? Number.POSITIVE_INFINITY, importMs(bundle)),
    );
  return fastest;
}

function importMs({ name, path, variables }: FunctionBundle): number {
  const url = JSON.stringify(pathToFileURL(path).href);
  const script = `const t = performance.now(); await import(${url}); console.log('took ' + (performance.now() - t));`;
  const environment = Object.entries(variables).map(([variable, value]) => [
    variable,
    typeof value === 'string' ? value : URL_VALUE,
  ]);
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], AWS_REGION: 'us-east-1', ...Object.fromEntries(environment) },
    encoding: 'utf8',
  });
  const took = /took ([\d.]+)/.exec(stdout)?.[1];
  if (took === undefined) throw new Error(`Could not load the bundle of ${name}: ${stderr}`);
  return Number(took);
}
