import { createInterface } from 'node:readline/promises';
import { CommandError } from './command-error.ts';

/** Asks a person, and resolves to whether the answer is yes. @throws CommandError when the input is not a terminal, so nobody can answer. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CommandError(
      'Cannot ask for confirmation: the input is not a terminal. To run without a question: --yes.',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} (y/N) `).finally(() => terminal.close());
  return /^y(es)?$/i.test(answer.trim());
}
