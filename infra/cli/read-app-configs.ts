import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { parseAccounts } from '../accounts.ts';
import type { Config } from '../config.ts';

const cdkSchema = z.object({ context: z.object({ userSync: z.unknown() }) });

/** The settings of all stacks in cdk.json. @throws ConfigError when one is wrong. */
export function readAppConfigs(): Config[] {
  const cdk: unknown = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));
  return parseAccounts(cdkSchema.parse(cdk).context.userSync);
}
