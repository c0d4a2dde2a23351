import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';

describe('the rotation of the CRM’s tokens', () => {
  it('runs every twelve hours, one at a time, and not at a deployment', () => {
    const template = templateWith();
    const schedule = properties(template, 'AWS::SecretsManager::RotationSchedule', 'CrmRotationSchedule');
    expect(schedule).toMatchObject({
      RotationRules: { ScheduleExpression: 'rate(12 hours)' },
      RotateImmediatelyOnUpdate: false,
    });
    expect(readable(schedule['SecretId'])).toBe('CrmSecret');
    const rotateToken = properties(template, 'AWS::Lambda::Function', 'CrmRotationRotateToken');
    expect(rotateToken['ReservedConcurrentExecutions']).toBe(1);
  });

  it('can be invoked by Secrets Manager for this secret only', () => {
    const permission = properties(templateWith(), 'AWS::Lambda::Permission', 'CrmRotationPermission');
    expect(permission).toMatchObject({
      Principal: 'secretsmanager.amazonaws.com',
      Action: 'lambda:InvokeFunction',
    });
    expect(readable(permission['SourceArn'])).toBe('CrmSecret');
    expect(permission).toHaveProperty('SourceAccount');
  });

  it('rotates an existing secret', () => {
    const template = templateWith({ crm: { existingSecretArn: SECRET, tokenRotationHours: 6 } });
    const schedule = properties(template, 'AWS::SecretsManager::RotationSchedule', 'CrmRotationSchedule');
    expect(schedule).toMatchObject({
      SecretId: SECRET,
      RotationRules: { ScheduleExpression: 'rate(6 hours)' },
    });
  });

  it('can be turned off', () => {
    const template = templateWith({ crm: { tokenRotationHours: 'off' } });
    expect(resources(template, 'AWS::SecretsManager::RotationSchedule')).toEqual({});
  });
});
