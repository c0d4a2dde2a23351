import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FunctionBundle } from './function-bundles.ts';

const PROCESS = fileURLToPath(new URL('diff-process.ts', import.meta.url));

/** What the process of `diff-process.ts` tells. */
export interface DiffThroughput {
  /** Records for each second of a processor, round by round. */
  rates: readonly number[];
  /** Part of the records for which a message was sent. */
  sentPart: number;
}

/**
 * Runs diff-user in a process of its own whose log is discarded.
 *
 * @param variables environment variables of the deployed function.
 * @throws Error when the process ends early.
 */
export async function diffThroughput(variables: FunctionBundle['variables']): Promise<DiffThroughput> {
  const texts = Object.entries(variables).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const child = fork(PROCESS, [], {
    env: {
      PATH: process.env['PATH'],
      AWS_REGION: 'eu-west-1',
      AWS_LAMBDA_FUNCTION_NAME: 'diff-user',
      ...Object.fromEntries(texts),
      SYNC_QUEUE_URL: 'https://sqs.local/queue.fifo',
      NODE_OPTIONS: '',
    },
    // As Lambda runs it, and not as the bench is run.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [told] = await Promise.race([
    once(child, 'message') as Promise<[DiffThroughput]>,
    once(child, 'exit').then(([code]) => {
      throw new Error(`The process that runs diff-user ended with ${code}`);
    }),
  ]);
  return told;
}
