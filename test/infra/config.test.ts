import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../infra/config.ts';

describe('the settings', () => {
  it.each([[undefined], [{}], [{ crm: {} }]])('%j have the defaults of the team’s contract', (settings) => {
    expect(parseConfig(settings)).toEqual({
      stackName: 'user-sync',
      crm: {
        url: 'https://api.infusionsoft.com',
        requestsPerSecond: 25,
        latencyP95Ms: 400,
        windowSlackMs: 50,
        secretName: 'user-sync/crm',
      },
      deletionPolicy: 'mark',
      logLevel: 'INFO',
      logRetentionDays: 30,
      removalPolicy: 'retain',
    });
  });

  it.each([
    [{ crm: { requestsPerSecond: 1 } }, 'userSync.crm.requestsPerSecond'],
    [{ crm: { requestsPerSecond: '25' } }, 'userSync.crm.requestsPerSecond'],
    [{ crm: { url: 'http://api.infusionsoft.com' } }, 'userSync.crm.url: must be https'],
    [{ crm: { url: 'api.infusionsoft.com' } }, 'userSync.crm.url'],
    [{ crm: { secretName: 'a b' } }, 'userSync.crm.secretName'],
    [
      { crm: { existingSecretArn: 'my-secret' } },
      'userSync.crm.existingSecretArn: must be an ARN of secretsmanager',
    ],
    [{ userTable: { arn: 'arn:aws:dynamodb:eu-west-1:1:table/users' } }, 'userSync.userTable.streamArn'],
    [{ userTable: { arn: 'users', streamArn: 'x' } }, 'userSync.userTable.arn'],
    [{ deletionPolicy: 'forget' }, 'userSync.deletionPolicy'],
    [{ logRetentionDays: 31 }, 'userSync.logRetentionDays: must be a period that CloudWatch Logs has'],
    [{ stackName: 'user sync' }, 'userSync.stackName'],
    [{ rate: 25 }, 'rate'],
    ['fast', 'userSync'],
  ])('%j are refused by name', (settings, named) => {
    expect(() => parseConfig(settings)).toThrow(ConfigError);
    expect(() => parseConfig(settings)).toThrow(named);
  });

  it('that are wrong are all named at once', () => {
    const wrong = () => parseConfig({ deletionPolicy: 'x', logLevel: 'y', crm: { url: 'z' } });
    expect(wrong).toThrow(/crm\.url[\s\S]*deletionPolicy[\s\S]*logLevel/);
  });

  it.each(['http://127.0.0.1:8080', 'http://localhost:1', 'https://crm.example.com'])(
    'take %s for the CRM',
    (url) => {
      expect(parseConfig({ crm: { url } }).crm.url).toBe(url);
    },
  );
});
