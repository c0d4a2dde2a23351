/** Part of `npm run check`: finds what is wrong with a mapping before it meets a user. */
import { Command } from 'commander';
import fc from 'fast-check';
import { ConfigError } from '../../config.ts';
import { CommandError } from '../command-error.ts';
import { loadMapping } from '../load-mapping.ts';
import { readAppConfigs } from '../read-app-configs.ts';
import { runCommand } from '../run-command.ts';
import { anyUser } from './any-user.ts';
import { checkNames, checkUser } from './mapping-problems.ts';

/** Users that are tried: the same ones every time. */
const USERS = 1000;
const SEED = 1;
const NOW = Date.parse('2026-01-01T00:00:00Z');

const { args } = new Command('npm run check:mapping --')
  .description(
    'Checks mappings: names, choices, tag groups, and rules about time, by a thousand users made up from the schema.',
  )
  .argument('[files...]', 'mappings; those of cdk.json if none is named')
  .parse();

await runCommand(async () => {
  const users = fc.sample(anyUser(NOW), { numRuns: USERS, seed: SEED });
  const problems: string[] = [];
  for (const file of args.length > 0 ? args : mappingsOfTheApp()) {
    const mapping = await loadMapping(file);
    const found = new Set([
      ...checkNames(mapping),
      ...users.flatMap((user) => checkUser(mapping, user, NOW)),
    ]);
    problems.push(...[...found].map((problem) => `${file}: ${problem}`));
    if (found.size === 0) process.stdout.write(`${file} is sound.\n`);
  }
  if (problems.length > 0) throw new CommandError(problems.join('\n✗ '));
});

/** The mappings of all stacks. @throws CommandError when the settings are wrong. */
function mappingsOfTheApp(): Set<string> {
  try {
    return new Set(readAppConfigs().map(({ mapping }) => mapping));
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
