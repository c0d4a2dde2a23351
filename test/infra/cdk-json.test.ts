import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('cdk.json leaves every setting at its default: a clean clone deploys no settings of a test', () => {
  expect(JSON.parse(readFileSync('cdk.json', 'utf8')).context.userSync).toEqual({});
});
