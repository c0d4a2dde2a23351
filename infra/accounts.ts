import * as z from 'zod';
import { type Config, type ConfigInput, invalidSettings, parseConfig } from './config.ts';

const accountsSchema = z.strictObject({
  /** Settings of all accounts, which each account can override. */
  defaults: z.record(z.string(), z.unknown()).default({}),
  /** Settings of each account, by name. */
  accounts: z.record(
    z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9-]{0,39}$/,
        'must have at most 40 letters, digits and hyphens, and begin with a letter or digit',
      ),
    z.record(z.string(), z.unknown()),
  ),
});

/** Settings of several CRM accounts, each with its own stack. */
interface AccountsInput {
  defaults?: ConfigInput;
  accounts: Readonly<Record<string, ConfigInput>>;
}

/** Settings of one stack, or of several. */
export type Settings = ConfigInput | AccountsInput;

/**
 * Validates the settings of the app: those of one stack, or `accounts` with several, each with its own stack, quota, secret and mapping.
 *
 * @returns the settings of each stack, at least one.
 * @throws ConfigError that names every invalid setting, and every value that two accounts must not share.
 */
export function parseAccounts(settings: unknown): Config[] {
  if (typeof settings !== 'object' || settings === null || !('accounts' in settings))
    return [parseConfig(settings)];
  const result = accountsSchema.safeParse(settings);
  if (!result.success)
    throw invalidSettings(
      result.error.issues.flatMap((issue) => {
        const path = ['userSync', ...issue.path].join('.');
        if (issue.code === 'unrecognized_keys')
          return issue.keys.map(
            (key) =>
              `  ${path}.${key}: move it to userSync.defaults (for all accounts) or userSync.accounts.NAME`,
          );
        const messages = issue.code === 'invalid_key' ? issue.issues : [issue];
        return messages.map(({ message }) => `  ${path}: ${message}`);
      }),
    );
  const { defaults, accounts } = result.data;
  const names = Object.keys(accounts);
  if (names.length === 0) throw invalidSettings(['  userSync.accounts: must have at least one account']);
  const configs = new Map(
    names.map((name) => {
      const own = merge({ stackName: `user-sync-${name}`, ...defaults }, accounts[name] ?? {});
      return [name, parseConfig(own, ['userSync', 'accounts', name])];
    }),
  );
  checkShared(configs);
  return [...configs.values()];
}

type Loose = Record<string, unknown>;

/** The settings of an account over the defaults. Groups such as `crm` are merged setting by setting; all else is overridden as a whole. */
function merge(defaults: Loose, account: Loose): Loose {
  const merged = { ...defaults, ...account };
  for (const [name, own] of Object.entries(account)) {
    const below = defaults[name];
    if (isGroup(below) && isGroup(own)) merged[name] = { ...below, ...own };
  }
  return merged;
}

const isGroup = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings whose values two stacks must not share. */
const UNIQUE: readonly [setting: string, of: (config: Config) => string | undefined, why: string][] = [
  ['stackName', ({ stackName }) => stackName, 'each account needs its own stack'],
  [
    'crm.secretName',
    ({ crm }) => (crm.existingSecretArn ? undefined : crm.secretName),
    'each stack creates its own secret',
  ],
  ['crm.existingSecretArn', ({ crm }) => crm.existingSecretArn, 'a token is valid for one account only'],
  [
    'userTable.arn',
    ({ userTable }) => userTable?.arn,
    'both would store contact ids in the same attribute of a user',
  ],
];

function checkShared(configs: ReadonlyMap<string, Config>): void {
  const lines = UNIQUE.flatMap(([setting, of, why]) => {
    const byValue = Map.groupBy([...configs], ([, config]) => of(config));
    return [...byValue]
      .filter(([value, same]) => value !== undefined && same.length > 1)
      .map(([value, same]) => {
        const paths = same.map(([name]) => `userSync.accounts.${name}.${setting}`).join(' and ');
        return `  ${paths}: must not both be ${value}: ${why}`;
      });
  });
  if (lines.length > 0) throw invalidSettings(lines);
}
