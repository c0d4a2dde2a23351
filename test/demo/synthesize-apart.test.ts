import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { synthesizeApart } from './synthesize-apart.ts';

let outdir: string;
beforeEach(() => {
  outdir = mkdtempSync(join(tmpdir(), 'synthesize-apart-'));
});
afterEach(() => rmSync(outdir, { recursive: true, force: true }));

it('says what the app says of a wrong setting', async () => {
  await expect(synthesizeApart({ crm: { latencyP95Ms: -1 } }, outdir)).rejects.toThrow(/crm\.latencyP95Ms/);
});
