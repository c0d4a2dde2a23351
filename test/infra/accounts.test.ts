import { describe, expect, it } from 'vitest';
import { parseAccounts } from '../../infra/accounts.ts';
import { ConfigError } from '../../infra/config.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const userTable = { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` };

describe('parseAccounts', () => {
  it('names the stack of each account after it', () => {
    const configs = parseAccounts({ accounts: { production: {}, sandbox: {} } });
    expect(configs.map(({ stackName }) => stackName)).toEqual(['user-sync-production', 'user-sync-sandbox']);
  });

  it('merges the defaults into the settings of each account', () => {
    const [production, sandbox] = parseAccounts({
      defaults: { logRetentionDays: 90, crm: { latencyP95Ms: 600, limits: 'oauth' } },
      accounts: { production: { stackName: 'sync' }, sandbox: { crm: { limits: 'service-account-key' } } },
    });
    expect(production).toMatchObject({ stackName: 'sync', logRetentionDays: 90, crm: { latencyP95Ms: 600 } });
    expect(sandbox?.crm).toMatchObject({ latencyP95Ms: 600, limits: { second: 10 } });
  });

  it('keeps the alarm email and the callback of the defaults for an account with other settings of alarms and events', () => {
    const callback = { url: 'https://app.example.com/crm-events' };
    const [production] = parseAccounts({
      defaults: { alarms: { email: 'ops@example.com' }, events: { callback } },
      accounts: { production: { alarms: { lagSeconds: 300 }, events: { resources: ['orders'] } } },
    });
    expect(production?.alarms).toMatchObject({ email: 'ops@example.com', lagSeconds: 300 });
    expect(production?.events).toMatchObject({ callback, resources: ['orders'] });
  });

  it('accepts the settings of one stack', () => {
    expect(parseAccounts(undefined)).toMatchObject([{ stackName: 'user-sync' }]);
    expect(parseAccounts({ stackName: 'sync' })).toMatchObject([{ stackName: 'sync' }]);
  });

  it.each([
    [{ accounts: {} }, /userSync\.accounts: must have at least one account/],
    [
      { accounts: { 'a b': {} } },
      /userSync\.accounts\.a b: must have at most 40 letters, digits and hyphens, and begin/,
    ],
    [{ accounts: { a: {} }, crm: {} }, /userSync\.crm: move it to userSync\.defaults/],
    [{ accounts: { a: { crm: { url: 'nowhere' } } } }, /userSync\.accounts\.a\.crm\.url: must be a URL/],
    [
      { accounts: { a: { stackName: 'x' }, b: { stackName: 'x' } } },
      /userSync\.accounts\.a\.stackName and userSync\.accounts\.b\.stackName: must not both be x/,
    ],
    [
      { defaults: { userTable }, accounts: { a: {}, b: {} } },
      /userTable\.arn: must not both be .*same attribute of a user/,
    ],
    [
      { defaults: { crm: { secretName: 's' } }, accounts: { a: {}, b: {} } },
      /crm\.secretName: must not both be s/,
    ],
  ])('rejects %j and says why', (settings, expected) => {
    expect(() => parseAccounts(settings)).toThrow(ConfigError);
    expect(() => parseAccounts(settings)).toThrow(expected);
  });
});
