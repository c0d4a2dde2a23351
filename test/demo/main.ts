/** `npm start`: the whole system on one machine, from a change in DynamoDB to the tags in the CRM. */
import { once } from 'node:events';
import { enableCompileCache } from 'node:module';
import { Command, InvalidArgumentError } from 'commander';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import type { DemoReport } from './demo.ts';
import { type DemoOptions, startDemoProcesses } from './demo-processes.ts';
import { PersonalDataShownError } from './personal-data.ts';
import { progressOn, seconds } from './progress.ts';

function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of ${least} or more.`);
    }
    return value;
  };
}

function origin(text: string): string {
  if (!URL.canParse(text))
    throw new InvalidArgumentError('It must be a URL, such as https://api.infusionsoft.com.');
  return new URL(text).origin;
}

const options = new Command('npm start --')
  .description(
    'Runs the whole system on this machine: users sign up in DynamoDB and become contacts with tags in a simulated CRM.',
  )
  .option('--users <n>', 'users that sign up', wholeNumber(1), 150)
  .option('--crm-url <url>', 'another CRM instead of the simulator (creates contacts in it!)', origin)
  .option('--token <token>', 'service account key for that CRM')
  .option('--rate <n>', 'requests a second', wholeNumber(2), 25)
  .option('--seed <n>', 'seed of the users and of the simulator', wholeNumber(0), 1)
  .option('--keep', 'keep running afterwards, so that commands with --local find the system')
  .option('--json', 'print the figures as JSON on the last line')
  .parse()
  .opts<DemoOptions & { keep?: true; json?: true }>();

const progress = progressOn(process.stderr);
const processes = startDemoProcesses(options);
// Only now, because its modules take most of a second to load; half of it when their code is in Node's cache.
enableCompileCache();
const { runDemo } = await import('./demo.ts');
const { report, crm, connection, stop } = await runDemo(options, progress, processes);
const { problems, burstRequests, ...figures } = report;
process.stdout.write(options.json ? '' : summary(report));
for (const problem of problems.slice(0, 20)) process.stderr.write(`✗ ${problem}\n`);
if (problems.length > 20) process.stderr.write(`✗ and ${problems.length - 20} more\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
if (options.keep) {
  const lines = Object.entries({ CRM: crm, ...connection.environment, ...connection.outputs }).map(
    ([name, value]) => `  ${name}=${value}\n`,
  );
  const withdraw = publishConnection(connection);
  process.stderr.write(
    `\nThe system keeps running until Ctrl-C. In another terminal, try:\n  npx --no user-sync status --local\n\n${lines.join('')}`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  withdraw();
}
await stop().catch((error: unknown) => {
  if (!(error instanceof PersonalDataShownError)) throw error;
  process.stderr.write(`✗ ${error.message}\n`);
  process.exitCode = 1;
});
if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
else if (!options.keep)
  process.stderr.write(
    'To keep the system running and use commands such as `npx --no user-sync status --local`: npm start -- --keep\n',
  );

function summary(done: DemoReport): string {
  const orUnknown = (value: number | null) => value ?? '(only the simulator knows)';
  return `
${done.problems.length === 0 ? '✓ Every user is in sync with the CRM' : '✗ Something is wrong'}

  users in sync           ${done.inSync} of ${done.users}
  contacts                ${orUnknown(done.contactsCreated)} created, ${orUnknown(done.contactsUpdated)} updates
  tags                    ${orUnknown(done.tagsApplied)} applied, ${orUnknown(done.tagsRemoved)} removed
  requests                ${done.requests}: ${done.requestsPerUser} per user in the first sync, ${done.burstRequests} for the burst
  most in any second      ${orUnknown(done.maxRequestsInAnySecond)} (${done.throttled} refused)
  array items             ${unlistedItems(done.arrays)}
  foreign writes          ${orUnknown(done.foreignWrites)}
  dead letters            ${done.deadLetters}
  first contact after     ${seconds(done.firstContactMs)}
  all of it               ${seconds(done.elapsedMs)}
`;
}

/** What happens to array items that a request does not list. */
function unlistedItems(arrays: DemoReport['arrays']): string {
  if (arrays === 'unknown') return 'unknown, so whole arrays are sent';
  const said = { merge: 'keeps', replace: 'removes' };
  return `PUT ${said[arrays.put]}, PATCH ${said[arrays.patch]} those that it does not list`;
}
