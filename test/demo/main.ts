/** `npm start`: the whole system on one machine, from a change in DynamoDB to the tags in the CRM. */
import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { type DemoOptions, type DemoReport, runDemo } from './demo.ts';
import { PersonalDataShownError } from './personal-data.ts';
import { progressOn } from './progress.ts';

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
    throw new InvalidArgumentError('It must be a URL, as https://api.infusionsoft.com.');
  return new URL(text).origin;
}

const options = new Command('npm start --')
  .description(
    'Runs the whole system on this machine and shows a change of a user become a contact with its tags.',
  )
  .option('--users <n>', 'users to put in the table', wholeNumber(1), 200)
  .option(
    '--crm-url <url>',
    'a CRM that is there already, instead of the simulator (contacts are made in it!)',
    origin,
  )
  .option('--token <token>', 'service account key for that CRM')
  .option('--rate <n>', 'requests a second', wholeNumber(2), 25)
  .option('--seed <n>', 'the same seed gives the same users and answers', wholeNumber(0), 1)
  .option('--keep', 'stay up afterwards and print where everything is')
  .option('--json', 'print the figures as JSON on the last line')
  .parse()
  .opts<DemoOptions & { keep?: true; json?: true }>();

const { report, crm, connection, stop } = await runDemo(options, progressOn(process.stderr));
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
  process.stderr.write(`\nStill up, until Ctrl-C; commands find it with --local:\n${lines.join('')}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  withdraw();
}
await stop().catch((error: unknown) => {
  if (!(error instanceof PersonalDataShownError)) throw error;
  process.stderr.write(`✗ ${error.message}\n`);
  process.exitCode = 1;
});
if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);

function summary(done: DemoReport): string {
  const unknown = (value: number | null) => value ?? '(only the simulator tells)';
  return `
${done.problems.length === 0 ? '✓ Every user is in the CRM as it should be' : '✗ Not all is as it should be'}

  users in sync           ${done.inSync} of ${done.users}
  contacts                ${unknown(done.contactsCreated)} created, ${unknown(done.contactsUpdated)} updates
  tags                    ${unknown(done.tagsApplied)} put on, ${unknown(done.tagsRemoved)} taken off
  requests                ${done.requests}: ${done.requestsPerUser} for each user at first, ${done.burstRequests} for the burst
  most in any second      ${unknown(done.maxRequestsInAnySecond)} (${done.throttled} refused)
  array items             ${done.arrays === 'merge' ? 'stay when an update does not list them' : done.arrays === 'replace' ? 'go when an update does not list them: whole arrays are sent' : 'not known: whole arrays are sent'}
  foreign writes          ${unknown(done.foreignWrites)}
  dead letters            ${done.deadLetters}
  time                    ${(done.elapsedMs / 1000).toFixed(1)} s
`;
}
