/** Account id in all ARNs of the emulators. */
export const ACCOUNT_ID = '000000000000';

/** Credentials for the SDK. The emulators do not check them. */
export const FAKE_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' } as const;

/** An ARN of this account. */
export function arnOf(service: string, region: string, resource: string): string {
  return `arn:aws:${service}:${region}:${ACCOUNT_ID}:${resource}`;
}
