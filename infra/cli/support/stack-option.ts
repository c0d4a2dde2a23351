export const DEFAULT_STACK = 'user-sync';

/** The option of a command that names the stack; empty for the default. */
export const stackOption = (stack: string): string => (stack === DEFAULT_STACK ? '' : ` --stack ${stack}`);

/** A command of this program with an option, to be shown. @returns a function that takes the command: `redrive --dry-run`. */
export const commandWith =
  (option: string) =>
  (args: string): string =>
    `npx --no user-sync ${args}${option}`;
