/** A command cannot do what it was asked to. The message says why and what to do, and is all that a person is shown. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** The stack that a command is about is not in this account and region. */
export class NoStackError extends CommandError {
  override name = 'NoStackError';
}
