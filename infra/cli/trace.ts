/** `npm run trace`: what happened to one user, from the logs. */
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { Command, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import { CommandError } from './command-error.ts';
import { connect } from './connect.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';
import { insightsLines } from './trace/insights-lines.ts';
import { localLines } from './trace/local-lines.ts';
import { storyText } from './trace/story.ts';

const DAY_MS = 24 * 3600 * 1000;
const DEFAULT_DAYS = 7;

function days(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of days, more than 0.');
  return value;
}

const options = withTarget(
  new Command('npm run trace --')
    .description(
      "Tells a user's story from the logs: changes seen, requests to the CRM, outcomes. Ids in brackets tie a change to what came of it.",
    )
    .requiredOption('--user <id>', 'id of the user')
    .option('--days <days>', 'how far to look back in AWS', days, DEFAULT_DAYS),
)
  .parse()
  .opts<TargetOptions & { user: string; days: number }>();

await runCommand(async () => {
  const { user: userId, json } = options;
  const outputs = await connect(options);
  const to = Date.now();
  const lines = outputs.logFile
    ? await localLines(outputs.logFile, userId)
    : await insightsLines(new CloudWatchLogsClient(), {
        logGroupNames: z.array(z.string()).parse(JSON.parse(outputs.get('LogGroupNames'))),
        userId,
        from: to - options.days * DAY_MS,
        to,
      });
  if (lines.length === 0)
    throw new CommandError(
      `The logs say nothing of user ${userId}${outputs.logFile ? '' : ` in the last ${options.days} days (--days looks further back)`}. Check the id. A change that the mapping does not show leaves no line.`,
    );
  process.stdout.write(json ? `${JSON.stringify(lines)}\n` : storyText(lines));
});
