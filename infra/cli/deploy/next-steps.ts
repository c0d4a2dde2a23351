import type { Account } from '../../../shared/infusionsoft/catalog/account.ts';
import { missingFrom, problemsOf } from '../../../shared/infusionsoft/catalog/account.ts';
import type { CredentialsStatus } from '../status/credentials-status.ts';

/** What a deploy came to. */
export interface Smoke {
  stack: string;
  credentials: CredentialsStatus;
  /** What the account has, or undefined where the sync could not look. */
  account: Account | undefined;
  /** Whether users who were there before have been brought in within the last 90 days. */
  isBackfilled: boolean;
}

/** What to do next, in order. */
export function nextSteps({ stack, credentials, account, isBackfilled }: Smoke): string[] {
  const of = (command: string, more = '') => {
    const flags = `${stack === 'user-sync' ? '' : ` --stack ${stack}`}${more}`;
    return `npm run ${command}${flags ? ` --${flags}` : ''}`;
  };
  if (credentials.kind === 'none')
    return [
      `let the sync into the CRM: ${of('authorize')}`,
      `check the mapping against the account: ${of('catalog')}`,
      `see what a backfill would do: ${of('backfill', ' --mode contacts --dry-run')}, then without --dry-run`,
      `watch: ${of('status')}`,
    ];
  if (!account) return [`the sync has not answered: see ${of('status')}`];
  const steps = [
    ...problemsOf(account).map((problem) => `mend what does not fit: ${problem}`),
    missingFrom(account).length > 0 &&
      `${missingFrom(account).length} names are created by the first sync, or now: ${of('catalog', ' --create')}`,
    !isBackfilled &&
      `bring in the users who are there, if it was not done more than 90 days ago: ${of('backfill', ' --mode contacts --dry-run')}, then without --dry-run`,
  ].filter((step) => typeof step === 'string');
  return [...steps, `watch: ${of('status')}`];
}
