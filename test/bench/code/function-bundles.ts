import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readAssembly } from '../../local-cloud/template.ts';

/** The deployed code of a function. */
export interface FunctionBundle {
  /** Folder of the function under `lambdas/`. */
  name: string;
  path: string;
  /** Without its source map. */
  bytes: number;
  gzippedBytes: number;
  /** Environment variables as in the template. Some are references. */
  variables: Readonly<Record<string, unknown>>;
}

/** The bundles of all functions of an assembly with one stack, largest first. */
export function functionBundles(assembly: string): FunctionBundle[] {
  const { template, assets } = readAssembly(assembly);
  return Object.values(template.Resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(({ Properties }): FunctionBundle => {
      const { Code, Environment } = Properties as {
        Code: { S3Key: string };
        Environment: { Variables: Record<string, unknown> };
      };
      const path = join(assets.get(Code.S3Key) ?? '', 'index.mjs');
      const code = readFileSync(path);
      return {
        name: String(Environment.Variables['POWERTOOLS_SERVICE_NAME']),
        path,
        bytes: code.length,
        gzippedBytes: gzipSync(code).length,
        variables: Environment.Variables,
      };
    })
    .toSorted((a, b) => b.bytes - a.bytes);
}
