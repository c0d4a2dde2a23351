import { expect, it } from 'vitest';
import { readAppConfigs } from '../../infra/cli/support/app-configs.ts';

it('cdk.json names no CRM on this machine: a stack with it would sync nobody', () => {
  for (const { crm } of readAppConfigs()) expect(new URL(crm.url).protocol).toBe('https:');
});
