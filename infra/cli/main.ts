#!/usr/bin/env node
/** `user-sync`: the program for operators. `user-sync --help` is its manual. */
import { enableCompileCache } from 'node:module';
import { Command, CommanderError } from 'commander';
import { COMMAND_GROUPS } from './registry.ts';

const MANUAL = `
Run it as "npx --no user-sync <command>" in this directory ("npx --no user-sync help" for this page).

Every command:
  --help          options and examples
  --json          print the result as one line of JSON
Commands that work on a deployed system:
  --stack <name>  name of the stack in AWS (default: user-sync); credentials and region come from the environment
  --local         use the system on this machine, which "npm start -- --keep" runs

Exit codes:
  0  success
  1  the command failed, or something needs a person
  2  wrong usage

USER_SYNC_DEBUG=1 prints the stack trace of an error.

Examples:
  npx --no user-sync doctor                     what is missing, and what to do next
  npx --no user-sync backfill --dry-run         what bringing in all users would do
  npx --no user-sync status --stack user-sync   lag, backlog, quota, failures
`;

const USAGE_EXIT_CODE = 2;

// A command starts in half the time: compiled modules are kept in the directory for temporary files.
enableCompileCache();

const [first, ...others] = process.argv.slice(2);
const wanted = first === 'help' ? others[0] : first;
const program = configure(new Command('user-sync'))
  .description("Operates the sync of an app's users with their contacts and tags in Infusionsoft (Keap).")
  .addHelpText('after', MANUAL);
for (const { title, commands } of COMMAND_GROUPS) {
  for (const { name, summary, load } of commands) {
    const command = name === wanted ? (await load()).default.build(name) : new Command(name);
    program.addCommand(configure(command).summary(summary).helpGroup(`${title}:`));
  }
}
// Whatever reads the output may end first, such as `head`. A command that changes something still runs to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
}

function configure(command: Command): Command {
  for (const each of command.commands) configure(each);
  return command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '✗ ')) });
}
