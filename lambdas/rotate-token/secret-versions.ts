import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import type { SecretVersions } from './rotate.ts';

/** The versions of a secret in AWS Secrets Manager. */
export function secretVersions(client: SecretsManagerClient, SecretId: string): SecretVersions {
  const get = async (version: { VersionStage: string; VersionId?: string }): Promise<string | undefined> => {
    try {
      return (await client.send(new GetSecretValueCommand({ SecretId, ...version }))).SecretString;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };
  const moveStage = async (stage: {
    VersionStage: string;
    MoveToVersionId?: string;
    RemoveFromVersionId: string;
  }) => {
    await client.send(new UpdateSecretVersionStageCommand({ SecretId, ...stage }));
  };
  return {
    read: (VersionStage) => get({ VersionStage }),
    readPending: (VersionId) => get({ VersionId, VersionStage: 'AWSPENDING' }),
    async currentVersionId() {
      const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
      return Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes('AWSCURRENT'))?.[0];
    },
    async storePending(ClientRequestToken, SecretString) {
      await client.send(
        new PutSecretValueCommand({
          SecretId,
          ClientRequestToken,
          SecretString,
          VersionStages: ['AWSPENDING'],
        }),
      );
    },
    promote: (MoveToVersionId, RemoveFromVersionId) =>
      moveStage({ VersionStage: 'AWSCURRENT', MoveToVersionId, RemoveFromVersionId }),
    abandon: (RemoveFromVersionId) => moveStage({ VersionStage: 'AWSPENDING', RemoveFromVersionId }),
  };
}
