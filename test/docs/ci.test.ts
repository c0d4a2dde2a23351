import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/npm run ([\w:-]+)/g)].flatMap(([, name]) => name ?? []);

it('CI runs all that npm test runs', () => {
  expect(scriptsIn(read('.github/workflows/ci.yml'))).toEqual(
    expect.arrayContaining(scriptsIn(scripts['test'] ?? '')),
  );
});

it.each(['.github/workflows/ci.yml', '.ci/run', 'package.json'])('%s runs scripts that exist', (file) => {
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(scriptsIn(read(file))));
});

it('CI names a stack to deploy only if the variable STACK does', () => {
  const deploy = /npm run deploy.*/.exec(read('.github/workflows/ci.yml'))?.[0] ?? '';
  expect(deploy).toContain('vars.STACK');
  expect(deploy.replaceAll(/\$\{\{.*?\}\}/g, '')).not.toContain('--stack');
});
