import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { LATEST_PAIR } from '../../shared/infusionsoft/auth/crm-secret.ts';
import type { SecretVersions } from './rotate.ts';

/** The versions of a secret in AWS Secrets Manager. Implements the port of `rotate.ts`. */
export function secretVersions(client: SecretsManagerClient, SecretId: string): SecretVersions {
  return {
    async labelled() {
      const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
      // On AWS, a label is on one version. An emulator (MiniStack 1.5.33) also leaves it on older ones.
      const versionWith = (label: string) =>
        Object.entries(VersionIdsToStages).findLast(([, labels]) => labels.includes(label))?.[0];
      const current = versionWith('AWSCURRENT');
      if (current === undefined) throw new Error('No version of the secret has the label AWSCURRENT');
      return { current, pending: versionWith('AWSPENDING'), latestPair: versionWith(LATEST_PAIR) };
    },
    async value(VersionId) {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId, VersionId }));
      return SecretString ?? '';
    },
    async store(ClientRequestToken, SecretString, labels) {
      try {
        await client.send(
          new PutSecretValueCommand({
            SecretId,
            ClientRequestToken,
            SecretString,
            VersionStages: [...labels],
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ResourceExistsException) return false;
        throw error;
      }
    },
    async promote(MoveToVersionId, RemoveFromVersionId) {
      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId,
          RemoveFromVersionId,
        }),
      );
    },
    async removePending(RemoveFromVersionId) {
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId, VersionStage: 'AWSPENDING', RemoveFromVersionId }),
      );
    },
  };
}
