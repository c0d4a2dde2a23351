import { expect, it } from 'vitest';
import { lintTemplates } from './cfn-lint.ts';
import { pythonTools } from './python-tools.ts';

it('cfn-lint finds nothing unexplained in the templates', async () => {
  expect(await lintTemplates(await pythonTools())).toEqual([]);
});
