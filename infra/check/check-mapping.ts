/** Part of `npm run check`: finds what is wrong with a mapping before it meets a user. */
import { Command } from 'commander';
import fc from 'fast-check';
import { CommandError } from '../operate/command-error.ts';
import { DEFAULT_MAPPING, loadMapping } from '../operate/load-mapping.ts';
import { runCommand } from '../operate/run-command.ts';
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
  .argument('[files...]', `mappings; ${DEFAULT_MAPPING} if none is named`)
  .parse();

await runCommand(async () => {
  const users = fc.sample(anyUser(NOW), { numRuns: USERS, seed: SEED });
  const problems: string[] = [];
  for (const file of args.length > 0 ? args : [DEFAULT_MAPPING]) {
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
