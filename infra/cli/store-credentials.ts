import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import ky, { isHTTPError } from 'ky';
import { type CrmSecret, headerOf } from '../../shared/infusionsoft/auth/crm-secret.ts';
import { endpoints } from '../../shared/infusionsoft/endpoints.ts';
import { CommandError } from './command-error.ts';

/**
 * Stores credentials as the current version of a secret, and then proves them with one API call. Stored first: a pair that is
 * not stored is lost, since its refresh token is the only one that lives.
 *
 * @throws CommandError when they cannot be stored, or the CRM does not take them.
 */
export async function storeCredentials(secretId: string, crmUrl: string, secret: CrmSecret): Promise<void> {
  const client = new SecretsManagerClient();
  try {
    await client.send(
      new PutSecretValueCommand({ SecretId: secretId, SecretString: JSON.stringify(secret) }),
    );
  } catch (error) {
    // The message of an AWS error names the secret, never its value.
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The secret ${secretId} could not be written: ${problem}`);
  }
  try {
    await ky.get(endpoints.userInfo.path, {
      prefix: crmUrl,
      headers: [[...headerOf(secret)]],
      retry: 2,
      timeout: 30_000,
    });
  } catch (error) {
    const problem = isHTTPError(error) ? `status ${error.response.status}` : 'no answer';
    throw new CommandError(
      `The credentials are stored in ${secretId}, but the CRM did not take them in a first request (${problem}). ` +
        'Check that they are of the right account, and run this again.',
    );
  }
}
