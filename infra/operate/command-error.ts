/** A command cannot do what it was asked to. The message says why and what to do, and is all that a person is shown. */
export class CommandError extends Error {
  override name = 'CommandError';
}
