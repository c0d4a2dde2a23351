/** `npm run chaos`: runs random actions and faults against the whole system. Fails if a user is lost, a contact is doubled, or the sync writes to what it does not own. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ACTIONS } from './actions.ts';
import { type ChaosOptions, failuresIn, runChaos } from './chaos.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Expected a whole number.');
  return value;
}

const names = Object.keys(ACTIONS);
const options = new Command('npm run chaos --')
  .description(
    'Runs the whole system on this machine under random faults, then verifies every user against the CRM.',
  )
  .option('--seed <n>', 'seed of the random actions', number, 1)
  .option('--users <n>', 'users at the start', number, 300)
  .option('--seconds <n>', 'duration of the actions', number, 40)
  .addOption(new Option('--without <names...>', 'actions to leave out').choices(names).default([]))
  .addOption(new Option('--only <names...>', 'the only actions to run').choices(names))
  .option('--fail-for-good', 'let the CRM fail for one contact at the end, which takes some ten minutes more')
  .option('--log-file <file>', 'keep the log of the functions')
  .option('--json', 'print the figures as JSON on the last line')
  .parse()
  .opts<ChaosOptions & { json?: true }>();

const startedAt = Date.now();
const report = await runChaos(options, (line) =>
  process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}\n`),
);
const { problems, evidence, ...figures } = report;
const failures = failuresIn(report);
for (const problem of problems.slice(0, 20)) process.stderr.write(`✗ ${problem}\n`);
if (failures > 0) {
  for (const line of evidence) process.stderr.write(`${line}\n`);
  process.stderr.write(`\nTo repeat this run: npm run chaos -- ${process.argv.slice(2).join(' ')}\n`);
}
process.exitCode = failures > 0 ? 1 : 0;
process.stdout.write(
  options.json
    ? `${JSON.stringify(figures)}\n`
    : Object.entries(figures)
        .map(([name, value]) => `  ${name.padEnd(24)}${value}\n`)
        .join(''),
);
