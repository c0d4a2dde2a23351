import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import ky, { isHTTPError } from 'ky';
import { endpoints } from '../../../shared/infusionsoft/api.ts';
import { type CrmSecret, headerOf } from '../../../shared/infusionsoft/auth/crm-secret.ts';
import { CommandError } from '../support/command-error.ts';

/**
 * Stores credentials as the current version of a secret, and then tests them with one request. They are stored first: a token pair that
 * is not stored is lost, since its refresh token is the only valid one.
 *
 * @throws CommandError when they cannot be stored, or the CRM rejects them.
 */
export async function storeCredentials(secretId: string, crmUrl: string, secret: CrmSecret): Promise<void> {
  const client = new SecretsManagerClient();
  try {
    await client.send(
      new PutSecretValueCommand({ SecretId: secretId, SecretString: JSON.stringify(secret) }),
    );
  } catch (error) {
    // AWS error messages name the secret, never its value.
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Could not write the secret ${secretId}: ${problem}`);
  }
  try {
    await ky.get(endpoints.userInfo.path, {
      prefix: crmUrl,
      headers: [[...headerOf(secret)]],
      retry: 2,
      timeout: 30_000,
    });
  } catch (error) {
    const problem = isHTTPError(error) ? `status ${error.response.status}` : 'no response';
    throw new CommandError(
      `The credentials are stored in ${secretId}, but the CRM rejected them in a test request (${problem}). ` +
        'Check that they belong to the right account, and run this again.',
    );
  }
}
