/** The account that the emulators' ARNs name. */
export const ACCOUNT_ID = '000000000000';

/** What the SDK signs with. Emulators look at neither. */
export const FAKE_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' } as const;

/** An ARN of this account. */
export function arnOf(service: string, region: string, resource: string): string {
  return `arn:aws:${service}:${region}:${ACCOUNT_ID}:${resource}`;
}
