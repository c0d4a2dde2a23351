import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readAppConfigs } from '../../../../infra/cli/support/app-configs.ts';
import { CommandError } from '../../../../infra/cli/support/command-error.ts';

function cdkJson(text: string): URL {
  const file = join(mkdtempSync(join(tmpdir(), 'cdk-json-')), 'cdk.json');
  writeFileSync(file, text);
  return pathToFileURL(file);
}

describe('readAppConfigs', () => {
  it.each(['{}', '{"context":{}}'])('uses the defaults for %s, as the CDK app does', (text) => {
    expect(readAppConfigs(cdkJson(text))).toMatchObject([{ stackName: 'user-sync' }]);
  });

  it.each(['{"context":5}', '{"context":[]}', '[]', 'null'])(
    'says what cdk.json must be instead of %s',
    (text) => {
      const read = () => readAppConfigs(cdkJson(text));
      expect(read).toThrow(CommandError);
      expect(read).toThrow(/cdk\.json must be an object whose "context"/);
    },
  );

  it('says that cdk.json is not valid JSON', () => {
    const read = () => readAppConfigs(cdkJson('{ "context": {}, }'));
    expect(read).toThrow(CommandError);
    expect(read).toThrow(/cdk\.json is not valid JSON/);
  });
});
