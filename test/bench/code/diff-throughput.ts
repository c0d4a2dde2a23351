import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FunctionBundle } from './function-bundles.ts';

const PROCESS = fileURLToPath(new URL('diff-process.ts', import.meta.url));

/** Result of `diff-process.ts`. */
export interface DiffThroughput {
  /** Records per second of processor time, by round. */
  rates: readonly number[];
  /** Share of the records for which a message was sent. */
  sentShare: number;
}

/**
 * Runs diff-user in a separate process and discards its log.
 *
 * @param variables environment variables of the deployed function.
 * @throws Error if the process exits early.
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
    // Without the Node options of the bench, as on Lambda.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [result] = await Promise.race([
    once(child, 'message') as Promise<[DiffThroughput]>,
    once(child, 'exit').then(([code]) => {
      throw new Error(`The process that runs diff-user exited with code ${code}`);
    }),
  ]);
  return result;
}
