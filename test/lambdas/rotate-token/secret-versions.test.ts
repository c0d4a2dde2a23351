import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { secretVersions } from '../../../lambdas/rotate-token/secret-versions.ts';

const manager = mockClient(SecretsManagerClient);
beforeEach(() => manager.reset());
const versions = () => secretVersions(new SecretsManagerClient(), 'crm');

describe('the versions of a secret', () => {
  it('are found by their labels', async () => {
    manager.on(DescribeSecretCommand, { SecretId: 'crm' }).resolves({
      VersionIdsToStages: {
        old: ['AWSPREVIOUS'],
        now: ['AWSCURRENT', 'other'],
        next: ['AWSPENDING', 'LATEST_PAIR'],
      },
    });
    expect(await versions().labelled()).toEqual({ current: 'now', pending: 'next', latestPair: 'next' });
  });

  it('can lack a pending version and a latest pair', async () => {
    manager.on(DescribeSecretCommand).resolves({ VersionIdsToStages: { now: ['AWSCURRENT'] } });
    expect(await versions().labelled()).toEqual({
      current: 'now',
      pending: undefined,
      latestPair: undefined,
    });
  });

  it('have the label of the newest, if an emulator leaves it on older ones too', async () => {
    manager.on(DescribeSecretCommand).resolves({
      VersionIdsToStages: { old: ['AWSCURRENT'], now: ['AWSCURRENT'] },
    });
    expect(await versions().labelled()).toMatchObject({ current: 'now' });
  });

  it.each([
    ['no version', {}],
    ['no current version', { VersionIdsToStages: { next: ['AWSPENDING'] } }],
  ])('of a secret with %s cannot be rotated', async (_, answer) => {
    manager.on(DescribeSecretCommand).resolves(answer);
    await expect(versions().labelled()).rejects.toThrow(/AWSCURRENT/);
  });

  it('are read by their ids', async () => {
    manager.on(GetSecretValueCommand, { SecretId: 'crm', VersionId: 'now' }).resolves({ SecretString: 'v' });
    manager.on(GetSecretValueCommand, { SecretId: 'crm', VersionId: 'binary' }).resolves({});
    expect(await versions().value('now')).toBe('v');
    expect(await versions().value('binary')).toBe('');
  });

  it('are stored with their labels', async () => {
    manager.on(PutSecretValueCommand).resolves({});
    expect(await versions().store('next', 'v', ['AWSPENDING', 'LATEST_PAIR'])).toBe(true);
    expect(manager.commandCalls(PutSecretValueCommand).map(({ args }) => args[0].input)).toEqual([
      {
        SecretId: 'crm',
        ClientRequestToken: 'next',
        SecretString: 'v',
        VersionStages: ['AWSPENDING', 'LATEST_PAIR'],
      },
    ]);
  });

  it('are not stored if the id belongs to another value; other errors are thrown', async () => {
    manager
      .on(PutSecretValueCommand)
      .rejectsOnce(new ResourceExistsException({ message: 'another value', $metadata: {} }))
      .rejects(new Error('throttled'));
    expect(await versions().store('next', 'v', ['AWSPENDING'])).toBe(false);
    await expect(versions().store('next', 'v', ['AWSPENDING'])).rejects.toThrow('throttled');
  });

  it('become current only if the expected one still is, and lose AWSPENDING only if they have it', async () => {
    manager.on(UpdateSecretVersionStageCommand).resolves({});
    await versions().promote('next', 'now');
    await versions().removePending('next');
    expect(manager.commandCalls(UpdateSecretVersionStageCommand).map(({ args }) => args[0].input)).toEqual([
      { SecretId: 'crm', VersionStage: 'AWSCURRENT', MoveToVersionId: 'next', RemoveFromVersionId: 'now' },
      { SecretId: 'crm', VersionStage: 'AWSPENDING', RemoveFromVersionId: 'next' },
    ]);
  });
});
