import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import type { FunctionBundle } from './function-bundles.ts';

/** Stands for a reference of the template: a value that every setting of a function accepts. */
const URL_VALUE = 'https://example.com/';

/**
 * How long a new process takes to import each bundle, in milliseconds: the fastest of several processes, because other programs on
 * the machine can only slow one down. The bundles take turns, because such a slowdown lasts for seconds.
 *
 * @param starts new processes for each bundle.
 * @throws Error when a bundle does not load.
 */
export function coldImportsMs(bundles: readonly FunctionBundle[], starts: number): number[] {
  let fastest = bundles.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < starts; round++)
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
  if (took === undefined) throw new Error(`The bundle of ${name} does not load: ${stderr}`);
  return Number(took);
}
