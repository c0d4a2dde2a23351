import { expect, it } from 'vitest';
import { lintTemplates } from './cfn-lint.ts';
import { pythonTools } from './python-tools.ts';

it('cfn-lint finds no problem in the templates without an exception', async () => {
  expect(await lintTemplates(await pythonTools())).toEqual([]);
});
