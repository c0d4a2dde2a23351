import { expect, it } from 'vitest';
import { readAppConfigs } from '../../infra/cli/support/app-configs.ts';

it('cdk.json names no CRM on localhost, which a deployed stack could not reach', () => {
  for (const { crm } of readAppConfigs()) {
    const { protocol, hostname } = new URL(crm.url);
    expect(protocol).toBe('https:');
    expect(hostname).not.toMatch(/^(localhost|127\..*|\[::1\])$/);
  }
});
