/** A command could not do its work. Only the message is printed: it says why, and what to do. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** Options that do not go together, or are missing. */
export class UsageError extends CommandError {
  override name = 'UsageError';
}

/** The stack does not exist in this account and region. */
export class NoStackError extends CommandError {
  override name = 'NoStackError';
}

/**
 * Runs a command. An error is printed as one message, without a stack trace unless `USER_SYNC_DEBUG` is set, and the process exits
 * with 1, or with 2 for a {@link UsageError}.
 */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`✗ ${messageOf(error)}\n`);
    if (process.env['USER_SYNC_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  // A file that cannot be read or written: the message names it.
  if (error instanceof Error && 'syscall' in error && 'path' in error) return `${error.message}.`;
  const problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `Unexpected error (${problem}). Set USER_SYNC_DEBUG=1 to see where.`;
}
