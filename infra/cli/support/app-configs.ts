import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { parseAccounts } from '../../accounts.ts';
import { type Config, ConfigError } from '../../config.ts';
import { CommandError } from './command-error.ts';

const CDK_JSON = new URL('../../../cdk.json', import.meta.url);
/** All settings have defaults, so both keys can be missing. */
const cdkSchema = z.object({ context: z.object({ userSync: z.unknown().optional() }).optional() });

/** Reads the settings of all stacks in cdk.json. @throws CommandError that names each wrong setting. */
export function readAppConfigs(file = CDK_JSON): Config[] {
  try {
    const cdk: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return parseAccounts(cdkSchema.parse(cdk).context?.userSync);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CommandError(`cdk.json is not valid JSON: ${error.message}.`, { cause: error });
    if (error instanceof z.ZodError)
      throw new CommandError('cdk.json must be an object whose "context" is an object.', { cause: error });
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
