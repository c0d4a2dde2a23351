import { expect, it } from 'vitest';
import { readAppConfigs } from '../../infra/cli/read-app-configs.ts';

it('cdk.json names no CRM on localhost, which a deployed stack could not reach', () => {
  for (const { crm } of readAppConfigs()) expect(new URL(crm.url).protocol).toBe('https:');
});
