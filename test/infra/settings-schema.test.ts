import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settingsJsonSchema } from '../../infra/settings-schema.ts';

it('infra/settings.schema.json describes the settings (npm run docs writes it)', async () => {
  const text = `${JSON.stringify(settingsJsonSchema(), undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../infra/settings.schema.json');
});

it('cdk.json names the schema', () => {
  const { $schema } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  expect($schema).toBe('./infra/settings.schema.json');
});
