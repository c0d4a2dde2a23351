import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { parseCrmSecret } from '../../../shared/infusionsoft/auth/crm-secret.ts';

/** Kind and lifetime of the credentials in a secret, without their values. */
export interface CredentialsStatus {
  kind: 'oauth' | 'service-account-key' | 'bearer' | 'none';
  /** Of OAuth tokens, in ISO 8601. */
  issuedAt: string | null;
  expiresAt: string | null;
}

/** Reads the kind and lifetime of the credentials in a secret. */
export async function credentialsStatus(
  secrets: SecretsManagerClient,
  SecretId: string,
): Promise<CredentialsStatus> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId }));
  const secret = parseCrmSecret(SecretString);
  if (!secret) return { kind: 'none', issuedAt: null, expiresAt: null };
  if (secret.kind !== 'oauth') return { kind: secret.kind, issuedAt: null, expiresAt: null };
  return { kind: 'oauth', issuedAt: secret.issuedAt, expiresAt: secret.expiresAt };
}
