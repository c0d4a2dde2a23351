import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readAssembly } from '../local/assembly/read-assembly.ts';

/** What a function's code weighs, in bytes. */
export interface BundleSize {
  /** Logical id of the function. */
  functionId: string;
  path: string;
  bytes: number;
  gzippedBytes: number;
  /** Its environment variables as the template has them. */
  variables: Readonly<Record<string, unknown>>;
}

/** Most that a function's code may weigh, in bytes, without its source map. */
export const BUDGET_BYTES = 300_000;

/** The bundles of an assembly with one stack, largest first. */
export function bundleSizes(assembly: string): BundleSize[] {
  const { template, assets } = readAssembly(assembly);
  return Object.entries(template.Resources)
    .filter(([, { Type }]) => Type === 'AWS::Lambda::Function')
    .map(([functionId, { Properties }]) => {
      const { Code, Environment } = Properties as {
        Code: { S3Key: string };
        Environment?: { Variables?: Record<string, unknown> };
      };
      const path = join(assets.get(Code.S3Key) ?? '', 'index.mjs');
      const code = readFileSync(path);
      return {
        functionId,
        path,
        bytes: code.length,
        gzippedBytes: gzipSync(code).length,
        variables: Environment?.Variables ?? {},
      };
    })
    .sort((a, b) => b.bytes - a.bytes);
}
