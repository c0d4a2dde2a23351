import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { LAYER_MODULES } from '../../infra/aws-sdk-layer.ts';
import { properties, readable, resources, templateWith } from './template-with.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Static imports, and dynamic ones of which the names are taken at once. */
const IMPORTS =
  /import \{([^}]*)\} from '(@aws-sdk\/[^']+)'|\{([^{}]*)\} = await import\(\s*'(@aws-sdk\/[^']+)'/g;
const ANY_IMPORT = /(?:from|import\()\s*'@(?:aws-sdk|smithy)\/[^']+'/g;

/** Names that the functions take from each package of the AWS SDK, types left out. */
function usedOfTheSdk(): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  for (const file of globSync('{lambdas,shared}/**/*.ts', { cwd: ROOT })) {
    const code = readFileSync(join(ROOT, file), 'utf8').replaceAll(/import type [^;]*;/g, '');
    const imports = [...code.matchAll(IMPORTS)];
    expect(imports, `${file}: names of the SDK that this test cannot read`).toHaveLength(
      code.match(ANY_IMPORT)?.length ?? 0,
    );
    for (const [, names = '', name = '', dynamicNames = names, dynamicName = name] of imports)
      for (const each of dynamicNames.split(',').map((text) => text.trim()))
        if (each !== '' && !each.startsWith('type '))
          used.set(dynamicName, (used.get(dynamicName) ?? new Set()).add(each));
  }
  return used;
}

it('has what the functions use of the AWS SDK, and nothing else', async () => {
  const inLayer = Object.keys(LAYER_MODULES).map(async (name) => {
    const exported: object = await import(join(ROOT, 'infra/aws-sdk', `${name.replace('@aws-sdk/', '')}.ts`));
    return [name, Object.keys(exported).toSorted()];
  });
  const used = [...usedOfTheSdk()].map(([name, names]) => [name, [...names].toSorted()] as const);
  expect(Object.fromEntries(await Promise.all(inLayer))).toEqual(Object.fromEntries(used));
});

it('is one for all functions of a stack', () => {
  const template = templateWith();
  const functions = Object.keys(resources(template, 'AWS::Lambda::Function'));
  expect(functions).toHaveLength(5);
  expect(Object.keys(resources(template, 'AWS::Lambda::LayerVersion'))).toEqual(['AwsSdk']);
  for (const id of functions) {
    const { Layers } = properties(template, 'AWS::Lambda::Function', id);
    expect((Layers as unknown[]).map(readable), id).toEqual(['AwsSdk']);
  }
});
