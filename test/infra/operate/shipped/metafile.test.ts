import { expect, it } from 'vitest';
import { packageFolders } from '../../../../infra/operate/shipped/metafile.ts';

it('names each package of which the bundle holds code, once, and by where it is installed', () => {
  const inputs = {
    'lambdas/diff-user/handler.ts': { bytesInOutput: 900 },
    'node_modules/zod/v4/core.js': { bytesInOutput: 10 },
    'node_modules/zod/v4/index.js': { bytesInOutput: 20 },
    'node_modules/@middy/core/index.js': { bytesInOutput: 5 },
    'node_modules/@middy/core/node_modules/@scope/nested/index.js': { bytesInOutput: 1 },
    'node_modules/dropped/index.js': { bytesInOutput: 0 },
  };
  const outputs = { 'index.mjs.map': { inputs: {} }, 'index.mjs': { inputs } };
  expect(packageFolders({ inputs: {}, outputs })).toEqual([
    'node_modules/@middy/core',
    'node_modules/@middy/core/node_modules/@scope/nested',
    'node_modules/zod',
  ]);
});

it('refuses what is no metafile', () => {
  expect(() => packageFolders({ outputs: { 'index.mjs': {} } })).toThrow();
});
