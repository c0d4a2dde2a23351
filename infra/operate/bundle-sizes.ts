import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readAssembly } from '../local/assembly/read-assembly.ts';

/** What shipped code weighs, in bytes. */
interface BundleSize {
  /** Logical id of the function or the layer. */
  id: string;
  bytes: number;
  gzippedBytes: number;
}

/** A function's bundle. */
export interface FunctionBundle extends BundleSize {
  path: string;
  /** Its environment variables as the template has them. */
  variables: Readonly<Record<string, unknown>>;
  /** Directories whose files it finds under /opt. */
  layers: readonly string[];
}

/** A layer's files. */
export interface LayerBundle extends BundleSize {
  directory: string;
}

/** Most that the code of a function or a layer may weigh, in bytes, without source maps. */
export const BUDGET_BYTES = 300_000;

/** The bundles of an assembly with one stack: functions and layers, each largest first. */
export function bundleSizes(assembly: string): { functions: FunctionBundle[]; layers: LayerBundle[] } {
  const { template, assets } = readAssembly(assembly);
  const ofType = (type: string) => Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
  const layers = ofType('AWS::Lambda::LayerVersion').map(([id, { Properties }]): LayerBundle => {
    const { Content } = Properties as { Content: { S3Key: string } };
    const directory = assets.get(Content.S3Key) ?? '';
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true });
    const paths = files.filter((file) => file.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    return { ...weigh(id, paths), directory };
  });
  const functions = ofType('AWS::Lambda::Function').map(([id, { Properties }]): FunctionBundle => {
    const { Code, Environment, Layers } = Properties as {
      Code: { S3Key: string };
      Environment?: { Variables?: Record<string, unknown> };
      Layers?: { Ref: string }[];
    };
    const path = join(assets.get(Code.S3Key) ?? '', 'index.mjs');
    return {
      ...weigh(id, [path]),
      path,
      variables: Environment?.Variables ?? {},
      layers: (Layers ?? []).flatMap(({ Ref }) => layers.find(({ id }) => id === Ref)?.directory ?? []),
    };
  });
  const largestFirst = (a: BundleSize, b: BundleSize) => b.bytes - a.bytes;
  return { functions: functions.toSorted(largestFirst), layers: layers.toSorted(largestFirst) };
}

function weigh(id: string, paths: readonly string[]): BundleSize {
  const files = paths.map((path) => readFileSync(path));
  const sum = (lengths: number[]) => lengths.reduce((total, length) => total + length, 0);
  return {
    id,
    bytes: sum(files.map((file) => file.length)),
    gzippedBytes: sum(files.map((file) => gzipSync(file).length)),
  };
}
