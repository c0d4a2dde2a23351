import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { parseAccounts } from '../../accounts.ts';
import { type Config, ConfigError } from '../../config.ts';
import { CommandError } from './command-error.ts';

const cdkSchema = z.object({ context: z.object({ userSync: z.unknown() }) });

/** Reads the settings of all stacks in cdk.json. @throws CommandError that names each wrong setting. */
export function readAppConfigs(): Config[] {
  const cdk: unknown = JSON.parse(readFileSync(new URL('../../../cdk.json', import.meta.url), 'utf8'));
  try {
    return parseAccounts(cdkSchema.parse(cdk).context.userSync);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
