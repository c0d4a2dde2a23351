import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const FUNCTIONS = [
  'BackfillFunction',
  'ChangeFeedDiffUser',
  'ContactSyncSyncContact',
  'CrmRotationRotateToken',
  'HealthCheckCheckHealth',
];
const FOLDERS: Readonly<Record<string, string>> = {
  BackfillFunction: 'backfill',
  ChangeFeedDiffUser: 'diff-user',
  ContactSyncSyncContact: 'sync-contact',
  CrmRotationRotateToken: 'rotate-token',
  HealthCheckCheckHealth: 'check-health',
};

describe.each(FUNCTIONS)('function %s', (id) => {
  const template = templateWith({ logLevel: 'DEBUG', logRetentionDays: 7 });
  const definition = properties(template, 'AWS::Lambda::Function', id);

  it('runs on Node 24 and ARM', () => {
    expect(definition).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
    });
  });

  it('logs JSON to its own group with the retention of the settings', () => {
    const { LogFormat, LogGroup, ApplicationLogLevel } = definition['LoggingConfig'] as Record<
      string,
      unknown
    >;
    expect(LogFormat).toBe('JSON');
    expect(readable(LogGroup)).toBe(`${id}Logs`);
    expect(properties(template, 'AWS::Logs::LogGroup', `${id}Logs`)['RetentionInDays']).toBe(7);
    expect(ApplicationLogLevel).toBe('DEBUG');
  });

  it('configures Powertools and Node', () => {
    expect(definition['Environment']).toMatchObject({
      Variables: {
        POWERTOOLS_SERVICE_NAME: FOLDERS[id],
        POWERTOOLS_METRICS_NAMESPACE: 'user-sync',
        POWERTOOLS_LOG_LEVEL: 'DEBUG',
        NODE_OPTIONS: '--enable-source-maps',
      },
    });
  });
});

it.each(FUNCTIONS)('%s is traced and may send traces only if tracing is on', (id) => {
  const traced = templateWith({ tracing: true });
  expect(properties(traced, 'AWS::Lambda::Function', id)['TracingConfig']).toEqual({ Mode: 'Active' });
  expect(properties(templateWith(), 'AWS::Lambda::Function', id)['TracingConfig']).toBeUndefined();
  const traces = (template: Template) =>
    Object.keys(resources(template, 'AWS::IAM::Policy')).filter((each) => each.includes(`${id}RoleTrace`));
  expect(traces(traced)).toHaveLength(1);
  expect(traces(templateWith())).toEqual([]);
});

it('a stack without events has five functions, and every log group has a retention', () => {
  const template = templateWith();
  expect(Object.keys(resources(template, 'AWS::Lambda::Function')).toSorted()).toEqual(FUNCTIONS);
  for (const { Properties } of Object.values(resources(template, 'AWS::Logs::LogGroup')))
    expect(Properties).toMatchObject({ RetentionInDays: 30 });
});
