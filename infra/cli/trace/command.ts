import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import * as z from 'zod';
import { createCommand } from '../create-command.ts';
import { CommandError } from '../support/command-error.ts';
import { connect } from '../support/connect.ts';
import { idOfUser, positiveNumber } from '../support/option-parsers.ts';
import { insightsLines, localLines } from './log-lines.ts';
import { timelineText } from './timeline.ts';

const DAY_MS = 24 * 3600 * 1000;

export default createCommand({
  metadata: {
    description:
      'Shows what the logs say about one user: changes, requests to the CRM, outcomes. Correlation ids in brackets connect a change with its outcome.',
    examples: [
      ['trace --user u-17', 'the last 7 days'],
      ['trace --user u-17 --days 30', 'the last 30 days'],
    ],
  },
  target: 'system',
  options: {
    user: { value: 'id', description: 'id of the user', required: true, parse: idOfUser },
    days: {
      value: 'days',
      description: 'how far to look back in AWS',
      parse: positiveNumber(3650),
      default: 7,
    },
  },
  async handler({ options: { user: userId, days, ...options }, print }) {
    const outputs = await connect(options);
    const to = Date.now();
    const lines = outputs.logFile
      ? await localLines(outputs.logFile, userId)
      : await insightsLines(new CloudWatchLogsClient(), {
          logGroupNames: z.array(z.string()).parse(JSON.parse(outputs.get('LogGroupNames'))),
          userId,
          from: to - days * DAY_MS,
          to,
        });
    if (lines.length === 0) {
      const period = outputs.logFile ? '' : ` of the last ${days} days (use --days to look further back)`;
      throw new CommandError(
        `The logs${period} have no line about user ${userId}. Check the id. Changes that the mapping ignores are not logged.`,
      );
    }
    print(lines, () => timelineText(lines));
  },
});
