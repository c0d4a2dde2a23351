import type { CommandModule } from './create-command.ts';

/** A command as the overview shows it. Its module is loaded only when it runs. */
export interface RegisteredCommand {
  name: string;
  summary: string;
  load(): Promise<{ default: CommandModule }>;
}

/**
 * A new command is one entry here and one module that exports a {@link CommandModule}: `NAME.ts`, or `NAME/command.ts` beside its parts.
 */
export const COMMAND_GROUPS: readonly { title: string; commands: readonly RegisteredCommand[] }[] = [
  {
    title: 'Set up',
    commands: [
      {
        name: 'doctor',
        summary: 'check what is missing, and show what to do next',
        load: () => import('./doctor/command.ts'),
      },
      {
        name: 'deploy',
        summary: 'show what would change, ask, deploy, and check the result',
        load: () => import('./deploy/command.ts'),
      },
      {
        name: 'authorize',
        summary: 'store credentials for the CRM (OAuth or service account key)',
        load: () => import('./authorize/command.ts'),
      },
      {
        name: 'backfill',
        summary: 'bring existing users into the CRM',
        load: () => import('./backfill/command.ts'),
      },
      {
        name: 'acceptance',
        summary: 'test a deployed stack end to end with test users, and remove them',
        load: () => import('./acceptance/command.ts'),
      },
    ],
  },
  {
    title: 'Observe',
    commands: [
      {
        name: 'status',
        summary: 'lag, backlog, quota, failures and backfill on one screen',
        load: () => import('./status/command.ts'),
      },
      {
        name: 'trace',
        summary: 'show the changes, requests and results of one user',
        load: () => import('./trace/command.ts'),
      },
      {
        name: 'events',
        summary: 'show events about changes made in the CRM, and how far they were read',
        load: () => import('./events/command.ts'),
      },
      {
        name: 'quota',
        summary: 'show the remaining quota; pause and resume requests',
        load: () => import('./quota.ts'),
      },
      {
        name: 'crm',
        summary: 'list and read anything in the CRM, at a small rate',
        load: () => import('./crm/command.ts'),
      },
    ],
  },
  {
    title: 'Change the mapping',
    commands: [
      {
        name: 'check-mapping',
        summary: 'check mappings for mistakes, without AWS or the CRM',
        load: () => import('./check-mapping/command.ts'),
      },
      {
        name: 'catalog',
        summary: "check the mapping against the account's tags and fields",
        load: () => import('./catalog/command.ts'),
      },
      {
        name: 'preview',
        summary: 'show what the sync would change, without changing it',
        load: () => import('./preview/command.ts'),
      },
    ],
  },
  {
    title: 'Fix',
    commands: [
      {
        name: 'redrive',
        summary: 'list dead letters by reason, and move them back into the queue',
        load: () => import('./redrive/command.ts'),
      },
      {
        name: 'replay',
        summary: 'sync the users of stream records that failed',
        load: () => import('./replay/command.ts'),
      },
      {
        name: 'forget',
        summary: 'delete or anonymise the contact of a person who has left',
        load: () => import('./forget.ts'),
      },
    ],
  },
];
