import { describe, expect, it } from 'vitest';
import { parseTemplate } from './template.ts';

describe('parseTemplate', () => {
  it('accepts what the CDK adds to each template', () => {
    const template = parseTemplate({
      Resources: { Queue: { Type: 'AWS::SQS::Queue', DeletionPolicy: 'Retain', Metadata: {} } },
      Parameters: { BootstrapVersion: { Type: 'AWS::SSM::Parameter::Value<String>' } },
      Rules: { CheckBootstrapVersion: {} },
    });
    expect(template.Resources).toMatchObject({ Queue: { Type: 'AWS::SQS::Queue', Properties: {} } });
  });

  it.each([
    ['conditions', { Resources: {}, Conditions: { IsProduction: {} } }, /Conditions/],
    ['mappings', { Resources: {}, Mappings: {} }, /Mappings/],
    ['other parameters', { Resources: {}, Parameters: { Stage: {} } }, /Stage/],
    [
      'a conditional resource',
      { Resources: { Queue: { Type: 'T', Condition: 'C' } } },
      /^Queue: .*Condition/s,
    ],
  ])('rejects %s', (_, template, message) => {
    expect(() => parseTemplate(template)).toThrow(message);
  });
});
