/** `npm run chaos`: runs random actions and faults against the whole system, and fails if anything is lost, duplicated or touched that is not the sync's. */
import { Command, InvalidArgumentError } from 'commander';
import { ACTIONS } from './actions.ts';
import { type ChaosOptions, runChaos } from './chaos.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Expected a whole number.');
  return value;
}

const options = new Command('npm run chaos --')
  .description(
    'Runs the whole system on this machine under random faults, then verifies every user against the CRM.',
  )
  .option('--seed <n>', 'seed of the random actions', number, 1)
  .option('--users <n>', 'users at the start', number, 300)
  .option('--seconds <n>', 'duration of the actions', number, 40)
  .option('--without <names...>', `actions to leave out: ${Object.keys(ACTIONS).join(', ')}`, [])
  .option('--json', 'print the figures as JSON on the last line')
  .parse()
  .opts<ChaosOptions & { json?: true }>();

const startedAt = Date.now();
const { problems, ...figures } = await runChaos(options, (line) =>
  process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}\n`),
);
const { lost, doubledContacts, foreignWrites, wrongTags, deadLettersUnexplained } = figures;
const failures = lost + doubledContacts + foreignWrites + wrongTags + deadLettersUnexplained;
for (const problem of problems.slice(0, 20)) process.stderr.write(`✗ ${problem}\n`);
if (failures > 0) {
  const { seed, users, seconds } = options;
  process.stderr.write(
    `\nTo repeat this run: npm run chaos -- --seed ${seed} --users ${users} --seconds ${seconds}\n`,
  );
}
process.exitCode = failures > 0 ? 1 : 0;
process.stdout.write(
  options.json
    ? `${JSON.stringify(figures)}\n`
    : Object.entries(figures)
        .map(([name, value]) => `  ${name.padEnd(24)}${value}\n`)
        .join(''),
);
